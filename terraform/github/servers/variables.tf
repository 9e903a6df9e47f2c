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
