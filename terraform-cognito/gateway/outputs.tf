output "m2m_client_id" {
  description = "Id of the agent's app client where there is one agent; a map of the agents' names to ids where there are several."
  value       = try(one(values(local.client_ids)), local.client_ids)
}

output "m2m_client_secret" {
  description = "The secret that goes with m2m_client_id, or the map of them."
  value       = try(one(values(local.client_secrets)), local.client_secrets)
  sensitive   = true
}

output "agent_configurations" {
  description = "The client's environment for each agent, without secrets."
  value = { for name, id in local.client_ids : name => {
    IDP_TYPE                = "cognito"
    AWS_REGION              = local.foundation.aws_region
    COGNITO_DOMAIN          = local.foundation.cognito_domain
    COGNITO_CLIENT_ID       = id
    COGNITO_RESOURCE_SERVER = aws_cognito_resource_server.api.identifier
  } }

  # A server whose prefix held the state could read every agent's secret.
  precondition {
    condition     = var.state_bucket != local.foundation.bucket_name
    error_message = "state_bucket \"${var.state_bucket}\" is the servers' own bucket, in which a server could read the state and every agent's secret. Use a bucket for the state alone: scripts/bootstrap-state makes one."
  }
}

output "agent_secrets" {
  description = "The secrets that go with agent_configurations."
  value       = { for name, secret in local.client_secrets : name => { COGNITO_CLIENT_SECRET = secret } }
  sensitive   = true
}

output "token_endpoint" {
  description = "Where an agent without the client fetches its tokens."
  value       = local.foundation.cognito_token_endpoint
}

output "scopes" {
  description = "Full names of the API's scopes, for REQUIRED_SCOPES and the gateway's routes."
  value       = { for scope in keys(local.scopes) : scope => "${aws_cognito_resource_server.api.identifier}/${scope}" }
}

output "gateway_environment" {
  description = "The gateway's environment, as far as this layer knows it."
  value       = { COGNITO_ISSUER = local.foundation.cognito_issuer }
}

locals {
  client_ids     = { for name, agent in module.agent : name => agent.client_id }
  client_secrets = { for name, agent in module.agent : name => agent.client_secret }
}
