variable "role_name" {
  description = "Name of the role, at most 64 characters (IAM's limit). The Lambda may assume <name>-server-* and <name>-shared-* only."
  type        = string

  validation {
    condition     = can(regex("^[\\w+=,.@-]{1,64}$", var.role_name))
    error_message = "role_name \"${var.role_name}\" is refused: IAM takes 1 to 64 letters, digits and _+=,.@-. Example: credvend-server-web-01"
  }
}

variable "description" {
  description = "Purpose of the role."
  type        = string
}

variable "lambda_role_arn" {
  description = "ARN of the vending Lambda's role, the only principal that may assume this one; checked in modules/function-trust."
  type        = string
}

variable "lambda_function_arn" {
  description = "ARN of the vending Lambda, whose sessions may assume the role; checked in modules/function-trust."
  type        = string
}

variable "external_id" {
  description = "ExternalId that the Lambda must show, and takes from the server's item; checked in modules/function-trust. null: none."
  type        = string
  default     = null
}

variable "bucket_arn" {
  description = "The bucket; see terraform/modules/s3-permissions."
  type        = string
}

variable "s3_path_prefix" {
  description = "The prefix the role covers; see terraform/modules/s3-permissions."
  type        = string
}

variable "s3_permissions" {
  description = "The level of permissions; see terraform/modules/s3-permissions."
  type        = string
}

variable "kms_key_arn" {
  description = "The bucket's key; see terraform/modules/s3-permissions."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role, beside the provider's default tags."
  type        = map(string)
  default     = {}
}

variable "role_path" {
  description = "IAM path of the role; checked in terraform/modules/foundation-rules."
  type        = string
  default     = "/"
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds the role; null for none."
  type        = string
  default     = null
}
