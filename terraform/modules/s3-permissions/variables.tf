variable "bucket_arn" {
  description = "ARN of the bucket, e.g. arn:aws:s3:::example-logs."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_arn))
    error_message = "bucket_arn \"${var.bucket_arn}\" is not the ARN of an S3 bucket. It looks like arn:aws:s3:::example-logs."
  }
}

variable "s3_path_prefix" {
  description = "Keys the permissions cover: everything below this prefix, which ends in \"/\". null: what lies below the prefix in the session's own tag s3_prefix, for a role that many servers share."
  type        = string

  # IAM would read *, ? and $ in a resource as pattern or policy variable, and the prefix would cover more than it says.
  validation {
    condition     = var.s3_path_prefix == null || can(regex("^([A-Za-z0-9!_.()=@+,:-]+/)+$", var.s3_path_prefix))
    error_message = "s3_path_prefix \"${coalesce(var.s3_path_prefix, "null")}\" is refused: it must end in \"/\", must not start with \"/\" or hold \"//\", and consists of letters, digits and !_.()=@+,:-/ (a * or $ would be a pattern in an IAM policy). Example: logs/web-01/"
  }

  validation {
    condition     = length(setintersection(split("/", coalesce(var.s3_path_prefix, "-/")), [".", ".."])) == 0
    error_message = "s3_path_prefix \"${coalesce(var.s3_path_prefix, "null")}\" holds \".\" or \"..\" as a folder: S3 takes it literally, many tools resolve it, and then the prefix is another one. Example: logs/web-01/"
  }

  validation {
    condition     = length(coalesce(var.s3_path_prefix, "-/")) <= 512
    error_message = "s3_path_prefix is ${length(coalesce(var.s3_path_prefix, "-/"))} characters long; at most 512 are allowed, so that policies and keys keep within AWS's limits."
  }
}

variable "s3_permissions" {
  description = "What is allowed below the prefix: \"write\" (upload), \"read-write\" (also download) or \"full\" (also delete and list)."
  type        = string

  validation {
    condition     = contains(["write", "read-write", "full"], var.s3_permissions)
    error_message = "s3_permissions \"${var.s3_permissions}\" is unknown. Allowed are \"write\" (upload), \"read-write\" (also download) and \"full\" (also delete and list)."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key the bucket is encrypted with; null when it is encrypted with S3's own key, which needs no permission."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn \"${coalesce(var.kms_key_arn, "null")}\" is not the ARN of a KMS key (an alias does not work in a policy). It looks like arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab."
  }
}
