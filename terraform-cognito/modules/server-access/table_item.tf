# The server in the table of client mappings.

resource "aws_dynamodb_table_item" "this" {
  table_name = var.table_name
  hash_key   = "client_id"
  item       = jsonencode(local.item)
}

locals {
  item = merge(local.terms, {
    client_id = { S = module.app_client.client_id }
    role_arn  = { S = local.role_arn }
  })

  # An attribute that is not said is not there: the service takes an empty or null one for a fault.
  terms = { for attribute, value in {
    server_name    = { S = var.server_name }
    issuer         = { S = var.issuer }
    s3_path_prefix = { S = var.s3_path_prefix }
    s3_permissions = { S = var.s3_permissions }
    allowed_scopes = { SS = local.scopes }
    # A shared role covers the whole bucket; this restricts each session to its server's prefix and level.
    session_policy           = var.uses_shared_role ? { S = "s3-prefix" } : null
    session_duration_seconds = var.session_duration_seconds == null ? null : { N = tostring(var.session_duration_seconds) }
    external_id              = var.external_id == null ? null : { S = var.external_id }
    disabled                 = var.disabled ? { BOOL = true } : null
    expires_at               = local.expires_at == null ? null : { N = tostring(local.expires_at) }
    source_cidrs             = var.source_cidrs == null ? null : { SS = sort(var.source_cidrs) }
    observe                  = length(var.observe) == 0 ? null : { SS = sort(var.observe) }
  } : attribute => value if value != null }
}
