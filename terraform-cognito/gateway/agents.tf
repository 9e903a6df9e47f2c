# An app client an agent: removing an agent from var.agents removes its client and touches no other.

module "agent" {
  source   = "../modules/m2m-client"
  for_each = var.agents

  client_name          = "${local.foundation.name}-agent-${each.key}"
  user_pool_id         = local.foundation.cognito_user_pool_id
  allowed_scopes       = [for scope in each.value.scopes : "${aws_cognito_resource_server.api.identifier}/${scope}"]
  access_token_minutes = var.access_token_minutes
}
