variable "name" {
  description = "Name of the installation."
  type        = string
}

variable "environment" {
  description = "\"prod\": the key outlives its stack, because the log groups that stay are unreadable without it. Any other: it is deleted seven days later."
  type        = string
}

variable "purpose" {
  description = "What the key encrypts, for its description."
  type        = string
}

variable "log_groups" {
  description = "Names of the log groups for which CloudWatch Logs may use the key."
  type        = list(string)
}

variable "partition" {
  description = "AWS partition."
  type        = string
}

variable "dns_suffix" {
  description = "DNS suffix of the partition."
  type        = string
}

variable "account_id" {
  description = "AWS account."
  type        = string
}

variable "aws_region" {
  description = "AWS region."
  type        = string
}
