variable "environment" {
  description = "\"dev\": objects expire after 10 days. \"prod\": every version of an object is kept."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment \"${var.environment}\" is unknown: \"dev\" (objects expire after 10 days) or \"prod\" (every version of an object is kept)."
  }
}

variable "bucket_name" {
  description = "Name of the bucket to create; null with existing_bucket_name."
  type        = string
  default     = null

  validation {
    condition     = (var.bucket_name == null) != (var.existing_bucket_name == null)
    error_message = "Exactly one of bucket_name (a bucket to create) and existing_bucket_name (one that exists and stays as it is) must be set. Example: bucket_name = \"example-corp-logs\""
  }
}

variable "existing_bucket_name" {
  description = "Name of a bucket that exists in this account and region, to use as it is: nothing of it is changed or destroyed."
  type        = string
  default     = null
}

variable "destroy_objects_of" {
  description = "Name of the bucket, once more, to let a destroy delete the objects in it. null: a bucket that holds objects is not destroyed."
  type        = string
  default     = null

  validation {
    condition     = var.destroy_objects_of == null || var.existing_bucket_name == null
    error_message = "destroy_objects_of is set together with existing_bucket_name: a bucket that exists already is never destroyed from here, nor are its objects. Remove one of the two."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the bucket to create; null for S3's own key."
  type        = string
  default     = null
}
