# Validations of this root alone; those that all foundations share are in terraform/modules/foundation-rules.

variable "name" {
  description = "Prefix of every name this creates (<name>-query…, <name>-lf-…). It may be the name of a foundation in the same account. 2 to 21 characters."
  type        = string
  default     = "credvend"

  # With a mapping table the Lambda may assume <name>-lf-*: "a" must not reach the roles of an installation "a-lf-b".
  validation {
    condition     = !contains(split("-", var.name), "lf")
    error_message = "name \"${var.name}\" is refused: \"lf\" marks the Lake Formation roles of an installation, so a name that holds it would put its roles within the reach of another installation. Example: credvend-dev"
  }
}

variable "environment" {
  description = "\"dev\" (everything can be destroyed) or \"prod\" (pool and table are protected from deletion, logs and their key outlive the installation)."
  type        = string
}

variable "deletion_protection" {
  description = "Protect user pool and table from deletion. null: in prod only. A prod installation is torn down by setting this to false and applying first."
  type        = bool
  default     = null
}

variable "aws_region" {
  description = "AWS region of everything here, and of the data."
  type        = string
}

variable "tags" {
  description = "Tags of every resource, for cost allocation (activate them in the Billing console). project and environment are set here unless a key of yours is the same in any spelling."
  type        = map(string)
  default     = {}
}

variable "bucket_name" {
  description = "Name of the bucket to create for query results. Either this or existing_bucket_name."
  type        = string
  default     = null
}

variable "existing_bucket_name" {
  description = "Name of a bucket for query results that exists, in aws_region. It is not changed: encryption, lifecycle and policy stay its owner's."
  type        = string
  default     = null
}

variable "existing_bucket_kms_key_arn" {
  description = "ARN of the KMS key existing_bucket_name is encrypted with, so that the roles may use it through S3. null: S3's own key."
  type        = string
  default     = null

  validation {
    condition     = var.existing_bucket_kms_key_arn == null || var.existing_bucket_name != null
    error_message = "existing_bucket_kms_key_arn belongs to existing_bucket_name. A bucket that is created here takes its key from kms_key."
  }
}

variable "results_prefix" {
  description = "Prefix of the results in the bucket: \"\", or a path that ends in \"/\"."
  type        = string
  default     = ""

  # *, ? and $ would be patterns or variables in the roles' policies.
  validation {
    condition     = can(regex("^([A-Za-z0-9_=-][A-Za-z0-9._=-]*/)*$", var.results_prefix)) && length(var.results_prefix) <= 200
    error_message = "results_prefix \"${var.results_prefix}\" is refused: \"\", or at most 200 letters, digits and ._=-/ that neither begin with nor double a \"/\" and end in one; no part of it begins with a dot. Example: athena/"
  }
}

variable "results_expiration_days" {
  description = "Days after which results in the created bucket are deleted. A client that asks for a page of an older query gets an error."
  type        = number
  default     = 7

  validation {
    condition     = var.results_expiration_days >= 1 && floor(var.results_expiration_days) == var.results_expiration_days
    error_message = "results_expiration_days must be a whole number of days, at least 1. Example: 7"
  }
}

variable "destroy_objects_of" {
  description = "Name of the created bucket, once more, to let a destroy delete the results in it. null: a bucket that holds objects is not destroyed."
  type        = string
  default     = null
}

variable "kms_key" {
  description = "Key for results, logs, table and the Lambda's environment: \"none\" (AWS's own keys, free), \"create\" (a key of this installation; in prod it outlives the installation, as the logs do), or the ARN of one that exists (its policy must let the account use it, and CloudWatch Logs of this region)."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "create"], var.kms_key) || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key))
    error_message = "kms_key \"${var.kms_key}\" is neither \"none\", \"create\" nor the ARN of a KMS key (an alias does not work in a policy). Example: arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }
}

variable "role_path" {
  description = "IAM path of every role this installation makes, for accounts that allow a deployer roles below one path only."
  type        = string
  default     = "/"
}

variable "permissions_boundary_arn" {
  description = "ARN of an IAM policy that bounds every role this installation makes, for accounts that demand one. null: none."
  type        = string
  default     = null
}
