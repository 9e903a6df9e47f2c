# Which role a client's queries run as, where the two roles for all are not enough. Its items are written by hand or by
# another configuration: docs/query-api.md.

resource "aws_dynamodb_table" "clients" {
  count = var.role_mappings_table ? 1 : 0

  name                        = local.table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "client_id"
  deletion_protection_enabled = local.deletion_protection

  attribute {
    name = "client_id"
    type = "S"
  }

  # Write access to this table is the power to hand out roles: a wrong change must be reversible to the second, in dev too.
  point_in_time_recovery {
    enabled = true
  }

  # `enabled = false` does not mean plain text: DynamoDB encrypts with its own key then.
  server_side_encryption {
    enabled     = var.kms_key != "none"
    kms_key_arn = local.kms_key_arn
  }
}
