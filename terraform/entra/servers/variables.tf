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

variable "existing_oidc_provider_arn" {
  description = "ARN of an IAM OIDC provider of the Entra tenant that exists already (an account has one for each issuer). null: it is made here. An existing one is not changed: its client ids must hold every value of the output oidc_client_ids."
  type        = string
  default     = null

  validation {
    condition     = var.existing_oidc_provider_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/.+$", var.existing_oidc_provider_arn))
    error_message = "existing_oidc_provider_arn \"${coalesce(var.existing_oidc_provider_arn, "null")}\" is not the ARN of an IAM OIDC provider. Example: arn:aws:iam::123456789012:oidc-provider/login.microsoftonline.com/TENANT/v2.0"
  }
}

variable "other_client_ids" {
  description = "Client ids beside this layer's that the IAM OIDC provider must keep: an account has one provider for each issuer, so this layer owns it for other environments and teams, too (their output oidc_client_ids)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.other_client_ids : can(regex("^[^\\s*?$]{1,255}$", id))])
    error_message = "other_client_ids: each is 1 to 255 characters without spaces, *, ? or $. Refused: ${jsonencode([for id in var.other_client_ids : id if !can(regex("^[^\\s*?$]{1,255}$", id))])}. Example: [\"6h0example1client\"]"
  }
}
