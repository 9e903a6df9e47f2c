# foundation-rules has checked these.

variable "environment" {
  description = "\"dev\": objects expire after 10 days. \"prod\": every version of an object is kept."
  type        = string
}

variable "bucket_name" {
  description = "Name of the bucket to create; null with existing_bucket_name."
  type        = string
  default     = null
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
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the bucket to create; null for S3's own key."
  type        = string
  default     = null
}
