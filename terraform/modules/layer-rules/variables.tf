# Validations that all root modules share, foundations and servers layers.

variable "aws_region" {
  description = "AWS region of the layer."
  type        = string

  # The commercial regions, and those of the other partitions: us-gov-west-1, cn-north-1, eusc-de-east-1, us-isob-east-1.
  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$", var.aws_region))
    error_message = "aws_region \"${var.aws_region}\" is not a region's name. Example: eu-west-1"
  }
}

variable "tags" {
  description = "The user's tags of every resource."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags: keys that begin with \"aws:\" belong to AWS. Example: { \"cost-center\" = \"4711\" }"
  }

  validation {
    condition     = length(distinct([for key in keys(var.tags) : lower(key)])) == length(var.tags)
    error_message = "tags: some keys differ in case only, and IAM compares keys without case: ${join(", ", [for key in keys(var.tags) : key if length([for other in keys(var.tags) : other if lower(other) == lower(key)]) > 1])}. Keep one of them."
  }
}

variable "default_tags" {
  description = "Tags that give way to the user's of the same key in any spelling: a corporate policy that asks for \"Environment\" must not meet an \"environment\" of ours, which IAM takes for the same key and refuses."
  type        = map(string)
}

variable "state_bucket" {
  description = "The bucket in which the foundation's state lies; null for a foundation."
  type        = string
  default     = null

  validation {
    condition     = var.state_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket \"${coalesce(var.state_bucket, "null")}\" is not the name of a bucket. It is the `bucket` of this environment's backend.hcl. Example: credvend-state-123456789012-dev"
  }
}

variable "servers" {
  description = "Names of the layer's servers; empty for a foundation."
  type        = set(string)
  default     = []
}
