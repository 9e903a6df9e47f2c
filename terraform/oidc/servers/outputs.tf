locals {
  # How a server gets its token: from a file, or from the identity provider as the client that the user made there.
  token_variables = { for name, server in var.servers : name => {
    IDP_TYPE        = server.token_file == null ? "oidc" : "file"
    OIDC_TOKEN_FILE = server.token_file
    OIDC_ISSUER     = server.token_file == null ? local.foundation.issuer : null
    OIDC_AUDIENCE   = server.token_file == null ? local.foundation.audiences[0] : null
    OIDC_CLIENT_ID  = server.client_id
    OIDC_SCOPES     = length(server.scopes) == 0 ? null : join(" ", server.scopes)
  } }
}

output "server_configurations" {
  description = "The client's environment on each server, without secrets; OIDC_CLIENT_ID is the user's to add where var.servers has none."
  value = { for name, role in module.role : name => merge(
    module.server_rules.duration_variables[name],
    { for variable, value in local.token_variables[name] : variable => value if value != null },
    {
      AWS_REGION     = local.foundation.aws_region
      AWS_ROLE_ARN   = role.role_arn
      S3_BUCKET      = local.foundation.bucket_name
      S3_PATH_PREFIX = var.servers[name].s3_path_prefix
    },
  ) }

  # A server whose prefix held the state could read every server's secret.
  precondition {
    condition     = var.state_bucket != local.foundation.bucket_name
    error_message = "state_bucket \"${var.state_bucket}\" is the servers' own bucket, in which a server could read the state and every server's secret. Use a bucket for the state alone: scripts/bootstrap-state makes one."
  }
}

output "server_secrets" {
  description = "Empty for each server: OIDC_CLIENT_SECRET is made at the identity provider and never comes here."
  value       = { for name in keys(module.role) : name => {} }
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
