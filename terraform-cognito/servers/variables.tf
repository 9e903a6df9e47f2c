variable "aws_region" {
  description = "AWS region of the foundation."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region \"${var.aws_region}\" is not a region's name. Example: eu-west-1"
  }
}

variable "state_bucket" {
  description = "The environment's state bucket, in which the foundation's state lies: `bucket` in backend.hcl."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket \"${var.state_bucket}\" is not the name of a bucket. It is the `bucket` of this environment's backend.hcl. Example: credvend-state-123456789012-dev"
  }
}

variable "tags" {
  description = "Tags of the servers' resources, beside the foundation's."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags: keys that begin with \"aws:\" belong to AWS. Example: { \"cost-center\" = \"4711\" }"
  }
}

variable "access_mode" {
  description = "\"per-server\": each server has a role of its own, which IAM alone keeps to the server's prefix. \"shared-role\": one role for each level of permissions, and a session policy that keeps each session to its server's prefix: for fleets past IAM's quota of 1,000 roles an account."
  type        = string
  default     = "per-server"

  validation {
    condition     = contains(["per-server", "shared-role"], var.access_mode)
    error_message = "access_mode \"${var.access_mode}\" is unknown. Allowed are \"per-server\" (a role each) and \"shared-role\" (a role for each level, restricted by session policies; for fleets past IAM's quota of roles)."
  }
}

variable "access_token_minutes" {
  description = "Lifetime of the servers' access tokens in minutes. Tokens are billed, and the client keeps one until it expires."
  type        = number
  default     = 60

  validation {
    condition     = var.access_token_minutes >= 5 && var.access_token_minutes <= 1440 && floor(var.access_token_minutes) == var.access_token_minutes
    error_message = "access_token_minutes must be a whole number from 5 to 1440 (Cognito's bounds; the vending API refuses tokens that live longer than a day). Example: 60"
  }
}
