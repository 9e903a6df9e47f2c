output "server_configurations" {
  description = "The client's environment on each server, without secrets."
  value = { for name, server in module.server : name => merge(module.server_rules.duration_variables[name], {
    IDP_TYPE        = "entra"
    AWS_REGION      = local.foundation.aws_region
    AWS_ROLE_ARN    = module.role[name].role_arn
    ENTRA_TENANT_ID = local.foundation.tenant_id
    ENTRA_CLIENT_ID = server.client_id
    ENTRA_SCOPE     = local.foundation.api_scope
    S3_BUCKET       = local.foundation.bucket_name
    S3_PATH_PREFIX  = var.servers[name].s3_path_prefix
  }) }

  # A server whose prefix held the state could read every server's secret.
  precondition {
    condition     = var.state_bucket != local.foundation.bucket_name
    error_message = "state_bucket \"${var.state_bucket}\" is the servers' own bucket, in which a server could read the state and every server's secret. Use a bucket for the state alone: scripts/bootstrap-state makes one."
  }
}

# The keys come from var.servers: a map with keys known after the apply could not be used in a condition.
output "server_secrets" {
  description = "The secrets that go with server_configurations. While there are two, the second is ENTRA_CLIENT_SECRET_NEXT."
  value = { for name, server in module.server : name => merge(
    { ENTRA_CLIENT_SECRET = server.client_secrets[0] },
    { for next in slice(server.client_secrets, 1, length(server.client_secrets)) : "ENTRA_CLIENT_SECRET_NEXT" => next },
  ) }
  sensitive = true
}

output "server_roles" {
  description = "The role that each server assumes."
  value       = { for name, role in module.role : name => role.role_arn }
}

output "oidc_client_ids" {
  description = "Client ids that the IAM OIDC provider must know; see existing_oidc_provider_arn."
  value       = local.oidc_client_ids
}
