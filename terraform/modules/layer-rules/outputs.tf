output "aws_region" {
  description = "The region, once it has been checked."
  value       = var.aws_region
}

output "state_bucket" {
  description = "The state bucket, once its name has been checked."
  value       = var.state_bucket
}

output "tags" {
  description = "The user's tags, and the default ones of other keys."
  value       = merge({ for key, value in var.default_tags : key => value if !contains(local.keys, lower(key)) }, var.tags)
}

output "server_tags" {
  description = "Tags of one server's resources: the key \"server\", unless it is among the tags in some spelling."
  value       = { for server in var.servers : server => contains([for key in concat(keys(var.tags), keys(var.default_tags)) : lower(key)], "server") ? {} : { server = server } }
}

locals {
  keys = [for key in keys(var.tags) : lower(key)]
}
