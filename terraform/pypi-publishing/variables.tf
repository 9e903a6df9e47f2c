variable "project" {
  description = "Prefix of every name this creates: the secret is PROJECT/pypi-token. Two projects in one AWS account differ in it. 1 to 40 characters."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_-]{0,39}$", var.project))
    error_message = "project \"${var.project}\" is refused: 1 to 40 letters, digits, _ and -, a letter first, so that names of roles, functions and secrets can begin with it. Example: example-lib"
  }
}

variable "aws_region" {
  description = "AWS region of the secret and of the rotation function."
  type        = string
}

variable "tags" {
  description = "Tags of every resource. project is set here unless a key of yours is the same in any spelling."
  type        = map(string)
  default     = {}
}

variable "role_path" {
  description = "IAM path of the roles, for accounts that allow a deployer roles below one path only."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9._-]+/)*$", var.role_path))
    error_message = "role_path \"${var.role_path}\" is refused: it begins and ends with \"/\". Example: /credvend/"
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of an IAM policy that bounds the roles, for accounts that demand one. null: none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn \"${coalesce(var.permissions_boundary_arn, "null")}\" is not the ARN of an IAM policy. Example: arn:aws:iam::123456789012:policy/boundary"
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts both secrets; the roles may use it through Secrets Manager. null: Secrets Manager's own key, which costs nothing."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn \"${coalesce(var.kms_key_arn, "null")}\" is not the ARN of a KMS key (an alias does not work in a policy). Example: arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }
}

variable "secret_recovery_days" {
  description = "For how many days a destroyed secret can be restored, 7 to 30; its name is taken for as long. 0: it is gone at once."
  type        = number
  default     = 7

  validation {
    condition     = contains(concat([0], range(7, 31)), var.secret_recovery_days)
    error_message = "secret_recovery_days ${var.secret_recovery_days} is refused: Secrets Manager takes 7 to 30 days, or 0 to delete at once."
  }
}
