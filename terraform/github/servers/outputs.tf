output "server_configurations" {
  description = "The client's environment in each role's workflow."
  value = { for name, role in module.role : name => merge(module.server_rules.duration_variables[name], {
    IDP_TYPE        = "github"
    AWS_REGION      = local.foundation.aws_region
    AWS_ROLE_ARN    = role.role_arn
    GITHUB_AUDIENCE = local.foundation.github_audience
    S3_BUCKET       = local.foundation.bucket_name
    S3_PATH_PREFIX  = var.servers[name].s3_path_prefix
  }) }

  # A server whose prefix held the state could read every server's secret.
  precondition {
    condition     = var.state_bucket != local.foundation.bucket_name
    error_message = "state_bucket \"${var.state_bucket}\" is the servers' own bucket, in which a server could read the state and every server's secret. Use a bucket for the state alone: scripts/bootstrap-state makes one."
  }
}

output "server_secrets" {
  description = "Empty for each role: a workflow needs no secret."
  value       = { for name in keys(module.role) : name => {} }
  sensitive   = true
}

output "server_roles" {
  description = "The role that each server assumes."
  value       = { for name, role in module.role : name => role.role_arn }
}
