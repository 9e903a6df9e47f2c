variable "aws_region" {
  description = "AWS region of the foundation."
  type        = string
}

variable "state_bucket" {
  description = "The environment's state bucket, in which the foundation's state lies: `bucket` in backend.hcl."
  type        = string
}

variable "tags" {
  description = "Tags of the servers' resources. They win over the foundation's of the same key, in any spelling."
  type        = map(string)
  default     = {}
}

variable "access_mode" {
  description = "\"per-server\": each server has a role of its own, which IAM alone keeps to the server's prefix. \"shared-role\": one role for each level of permissions, with a session policy and a session tag that each keep a session to its server's prefix: for fleets past IAM's quota of 1,000 roles an account."
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
