# Validations that all foundations share. A root declares the variables with their defaults and passes them here; what its other
# resources use comes from this module's outputs, so that nothing is made of a value that was not checked.

variable "name" {
  description = "Prefix of every name this creates. Two installations in one AWS account or tenant differ in it. 2 to 21 characters."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "name \"${var.name}\" is refused: 2 to 21 lower-case letters, digits and hyphens, a letter first, so that \"<name>-server-<server>\" keeps within the 64 characters of an IAM role's name. Example: credvend-dev"
  }
}

variable "environment" {
  description = "\"dev\" (objects expire after 10 days) or \"prod\" (every version of an object is kept)."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment \"${var.environment}\" is unknown. Allowed are \"dev\" (objects expire after 10 days) and \"prod\" (every version of an object is kept)."
  }
}

variable "aws_region" {
  description = "See terraform/modules/layer-rules."
  type        = string
}

variable "tags" {
  description = "See terraform/modules/layer-rules."
  type        = map(string)
}

variable "bucket_name" {
  description = "Name of the bucket to create for the servers' objects. Either this or existing_bucket_name."
  type        = string

  validation {
    condition     = (var.bucket_name == null) != (var.existing_bucket_name == null)
    error_message = "Set exactly one of bucket_name (a bucket to create) and existing_bucket_name (one that is there and keeps its own settings). Example: bucket_name = \"example-corp-logs\""
  }

  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name \"${coalesce(var.bucket_name, "null")}\" is refused: 3 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends. It must be unique in all of AWS. Example: example-corp-logs"
  }
}

variable "existing_bucket_name" {
  description = "Name of a bucket that exists, in aws_region. It is not changed: encryption, lifecycle and policy stay its owner's."
  type        = string

  validation {
    condition     = var.existing_bucket_name == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.existing_bucket_name))
    error_message = "existing_bucket_name \"${coalesce(var.existing_bucket_name, "null")}\" is not the name of a bucket (no ARN, no s3://). Example: example-corp-logs"
  }
}

variable "destroy_objects_of" {
  description = "Name of the created bucket, once more, to let a destroy delete the objects in it. null: a bucket that holds objects is not destroyed."
  type        = string

  validation {
    condition     = var.destroy_objects_of == null || (var.bucket_name != null && var.destroy_objects_of == coalesce(var.bucket_name, "-"))
    error_message = "destroy_objects_of \"${coalesce(var.destroy_objects_of, "null")}\" must be the name of the bucket this configuration creates (bucket_name = \"${coalesce(var.bucket_name, "null")}\"), letter by letter, so that nobody deletes another bucket's objects by mistake. A bucket that existed before is never emptied."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the bucket, the created or the existing one; the roles may use it through S3. null: S3's own key."
  type        = string

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn \"${coalesce(var.kms_key_arn, "null")}\" is not the ARN of a KMS key (an alias does not work in a policy). Example: arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }
}

variable "role_path" {
  description = "IAM path of every role."
  type        = string

  # *, ? and $ would be patterns or variables in the Lambda's policy, which names the roles that it may assume.
  validation {
    condition     = can(regex("^/([A-Za-z0-9._+=,@-]+/)*$", var.role_path)) && length(var.role_path) <= 512
    error_message = "role_path \"${var.role_path}\" is refused: it begins and ends in \"/\", has at most 512 characters and consists of letters, digits and ._+=,@-/. Example: /credvend/"
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that bounds every role; null for none."
  type        = string

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn \"${coalesce(var.permissions_boundary_arn, "null")}\" is not the ARN of an IAM policy. Example: arn:aws:iam::123456789012:policy/boundary"
  }
}
