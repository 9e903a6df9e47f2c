# One key for everything at rest, where one is wanted (var.kms_key).

locals {
  creates_key = var.kms_key == "create"
  kms_key_arn = var.kms_key == "none" ? null : local.creates_key ? aws_kms_key.this[0].arn : var.kms_key

  key_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        # Without this statement nobody could ever change the key; it hands the decision to the account's IAM policies.
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.aws_region}.${data.aws_partition.current.dns_suffix}" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = {
          ArnEquals = {
            "kms:EncryptionContext:aws:logs:arn" = [for group in [local.lambda_log_group, local.api_log_group] : "arn:${local.partition}:logs:${local.regional}:log-group:${group}"]
          }
        }
      },
    ]
  }
}

resource "aws_kms_key" "this" {
  count = local.creates_key ? 1 : 0

  description             = "${var.name}: table, bucket, logs and environment of the credential vending service"
  enable_key_rotation     = true
  deletion_window_in_days = local.is_prod ? 30 : 7
  policy                  = jsonencode(local.key_policy)
}

resource "aws_kms_alias" "this" {
  count = local.creates_key ? 1 : 0

  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this[0].key_id
}
