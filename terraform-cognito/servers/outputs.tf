output "server_configurations" {
  description = "The client's environment on each server, without secrets."
  value = { for name, server in module.server : name => {
    IDP_TYPE                   = "cognito"
    AWS_REGION                 = local.foundation.aws_region
    COGNITO_DOMAIN             = local.foundation.cognito_domain
    COGNITO_CLIENT_ID          = server.client_id
    COGNITO_RESOURCE_SERVER    = local.foundation.resource_server_identifier
    COGNITO_CREDENTIAL_API_URL = local.foundation.credential_vending_api_url
    S3_BUCKET                  = local.foundation.bucket_name
    S3_PATH_PREFIX             = var.servers[name].s3_path_prefix
  } }

  # A server whose prefix held the state could read every server's secret.
  precondition {
    condition     = var.state_bucket != local.foundation.bucket_name
    error_message = "state_bucket \"${var.state_bucket}\" is the servers' own bucket, in which a server could read the state and every server's secret. Use a bucket for the state alone: scripts/bootstrap-state makes one."
  }
}

output "server_secrets" {
  description = "The secrets that go with server_configurations."
  value       = { for name, server in module.server : name => { COGNITO_CLIENT_SECRET = server.client_secret } }
  sensitive   = true
}

output "server_roles" {
  description = "The role whose credentials each server gets."
  value       = { for name, server in module.server : name => server.role_arn }

  precondition {
    condition     = !local.shares_roles || local.foundation.session_identity == "tags"
    error_message = "access_mode = \"shared-role\" needs the session's tag s3_prefix, and the foundation has session_identity = \"name\", with which sessions carry no tags: nothing would be opened. Set session_identity = \"tags\" in foundation.tfvars and apply that layer first, or use access_mode = \"per-server\"."
  }
}
