# The validations and their reasons are in terraform/modules/foundation-rules.

variable "name" {
  description = "Prefix of every name this creates. Two installations in one AWS account or tenant differ in it. 2 to 21 characters."
  type        = string
  default     = "credvend"
}

variable "environment" {
  description = "\"dev\" (objects expire after 10 days) or \"prod\" (every version of an object is kept)."
  type        = string
}

variable "aws_region" {
  description = "AWS region of everything here."
  type        = string
}

variable "tags" {
  description = "Tags of every resource, for cost allocation (activate them in the Billing console). project and environment are set here unless a key of yours is the same in any spelling."
  type        = map(string)
  default     = {}
}

variable "bucket_name" {
  description = "Name of the bucket to create for the servers' objects. Either this or existing_bucket_name."
  type        = string
  default     = null
}

variable "existing_bucket_name" {
  description = "Name of a bucket that exists, in aws_region. It is not changed: encryption, lifecycle and policy stay its owner's."
  type        = string
  default     = null
}

variable "destroy_objects_of" {
  description = "Name of the created bucket, once more, to let a destroy delete the objects in it. null: a bucket that holds objects is not destroyed."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the bucket, the created or the existing one; the roles may use it through S3. null: S3's own key."
  type        = string
  default     = null
}

variable "role_path" {
  description = "IAM path of every role this installation makes, for accounts that allow a deployer roles below one path only."
  type        = string
  default     = "/"
}

variable "permissions_boundary_arn" {
  description = "ARN of an IAM policy that bounds every role this installation makes, for accounts that demand one (docs/deployer.md says what it must allow). null: none."
  type        = string
  default     = null
}
