variable "bucket_name" {
  description = "Name of the bucket, unique in all of AWS. 3 to 63 characters."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name \"${var.bucket_name}\" is refused: 3 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends (no dots: they break TLS to the bucket). Example: example-corp-logs"
  }
}

variable "versioning" {
  description = "Keep every version of an object, so that an overwrite or delete can be undone."
  type        = bool
  default     = false
}

variable "expiration_days" {
  description = "Days after which objects, and versions that were replaced, are deleted. null: never."
  type        = number
  default     = null

  validation {
    condition     = var.expiration_days == null || (coalesce(var.expiration_days, 1) >= 1 && floor(coalesce(var.expiration_days, 1)) == coalesce(var.expiration_days, 1))
    error_message = "expiration_days must be a whole number of days, at least 1, or null to keep objects for ever. Example: 10"
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the objects; null for S3's own key (SSE-S3)."
  type        = string
  default     = null
}

variable "destroy_objects_of" {
  description = "Name of the bucket, once more, to let a destroy delete the objects in it. null: a bucket that holds objects is not destroyed."
  type        = string
  default     = null

  validation {
    condition     = var.destroy_objects_of == null || var.destroy_objects_of == var.bucket_name
    error_message = "destroy_objects_of \"${coalesce(var.destroy_objects_of, "null")}\" is not the name of this configuration's bucket, \"${var.bucket_name}\". It names the bucket whose objects may be deleted, letter by letter, so that nobody deletes another one's by mistake."
  }
}

variable "tags" {
  description = "Tags of the bucket, beside the provider's default tags."
  type        = map(string)
  default     = {}
}
