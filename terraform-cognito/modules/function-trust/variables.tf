variable "lambda_role_arn" {
  description = "ARN of the function's role, the only principal that may assume this one."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", var.lambda_role_arn))
    error_message = "lambda_role_arn \"${var.lambda_role_arn}\" is not the ARN of an IAM role. It is the foundation's output credential_vending_lambda_role_arn."
  }
}

variable "lambda_function_arn" {
  description = "ARN of the Lambda, without a version: the one function whose sessions may assume the role."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+$", var.lambda_function_arn))
    error_message = "lambda_function_arn \"${var.lambda_function_arn}\" is not the ARN of a function without a version. It is the foundation's output credential_vending_lambda_function_arn."
  }
}

variable "external_id" {
  description = "ExternalId that the Lambda must show. null: none."
  type        = string
  default     = null

  validation {
    condition     = var.external_id == null || (can(regex("^[\\w+=,.@:/-]{2,}$", var.external_id)) && length(coalesce(var.external_id, "-")) <= 1224)
    error_message = "external_id must consist of 2 to 1224 letters, digits and _+=,.@:/- (STS's rule). Example: 8c0b9e52-web-01"
  }
}

variable "sid" {
  description = "Name of the statement that lets the function assume the role."
  type        = string
}
