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
  description = "ARN of the vending Lambda's role, the only principal that may assume this one."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", var.lambda_role_arn))
    error_message = "lambda_role_arn \"${var.lambda_role_arn}\" is not the ARN of an IAM role. It is the foundation's output credential_vending_lambda_role_arn."
  }
}

variable "lambda_function_arn" {
  description = "ARN of the vending Lambda, without a version: the one function whose sessions may assume the role."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+$", var.lambda_function_arn))
    error_message = "lambda_function_arn \"${var.lambda_function_arn}\" is not the ARN of a function without a version. It is the foundation's output credential_vending_lambda_function_arn."
  }
}

variable "external_id" {
  description = "ExternalId that the Lambda must show, and takes from the server's item. null: none."
  type        = string
  default     = null

  validation {
    condition     = var.external_id == null || (can(regex("^[\\w+=,.@:/-]{2,}$", var.external_id)) && length(coalesce(var.external_id, "-")) <= 1224)
    error_message = "external_id must consist of 2 to 1224 letters, digits and _+=,.@:/- (STS's rule). Example: 8c0b9e52-web-01"
  }
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
