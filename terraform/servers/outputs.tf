output "server_configurations" {
  description = "The client's environment on each server, without secrets."
  value = { for name, server in module.server : name => merge(module.server_rules.duration_variables[name], {
    IDP_TYPE        = "auth0"
    AWS_REGION      = local.foundation.aws_region
    AWS_ROLE_ARN    = module.role[name].role_arn
    AUTH0_DOMAIN    = local.foundation.auth0_domain
    AUTH0_CLIENT_ID = server.client_id
    AUTH0_AUDIENCE  = local.foundation.auth0_audience
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
  description = "The secrets that go with server_configurations."
  value       = { for name, server in module.server : name => { AUTH0_CLIENT_SECRET = server.client_secret } }
  sensitive   = true
}

output "server_roles" {
  description = "The role that each server assumes."
  value       = { for name, role in module.role : name => role.role_arn }
}

output "oidc_client_ids" {
  description = "Client ids that the IAM OIDC provider must know; see existing_oidc_provider_arn."
  value       = local.oidc_client_ids
}
