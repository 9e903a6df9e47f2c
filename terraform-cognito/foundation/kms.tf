# One key for everything at rest, where one is wanted (var.kms_key).

locals {
  creates_key = var.kms_key == "create"
  kms_key_arn = var.kms_key == "none" ? null : local.creates_key ? aws_cloudformation_stack.key[0].outputs["Arn"] : var.kms_key

  key_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        # Without this statement no principal could ever change the key. With it, the account's IAM policies decide.
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${module.rules.aws_region}.${data.aws_partition.current.dns_suffix}" }
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

# By way of CloudFormation, whose DeletionPolicy the AWS provider has no counterpart of: in production a destroy leaves the
# key, because the log groups that stay are unreadable without it, and so is a bucket or a backup that was kept. The
# next apply makes a new key for what is written from then on. In dev the key is deleted seven days later.
resource "aws_cloudformation_stack" "key" {
  count = local.creates_key ? 1 : 0

  name = "${module.rules.name}-key"
  template_body = jsonencode({
    # CloudFormation takes no change of a DeletionPolicy alone, so the description changes with it.
    Description = "KMS key of ${module.rules.name} (${module.rules.environment})"
    Resources = {
      Key = {
        Type                = "AWS::KMS::Key"
        DeletionPolicy      = local.is_prod ? "Retain" : "Delete"
        UpdateReplacePolicy = "Retain"
        Properties = {
          Description         = "${module.rules.name}: table, bucket, logs and environment of the credential vending service (${module.rules.environment})"
          EnableKeyRotation   = true
          PendingWindowInDays = 7
          KeyPolicy           = local.key_policy
        }
      }
    }
    Outputs = { Arn = { Value = { "Fn::GetAtt" = ["Key", "Arn"] } } }
  })
}

resource "aws_kms_alias" "this" {
  count = local.creates_key ? 1 : 0

  name          = "alias/${module.rules.name}"
  target_key_id = local.kms_key_arn
}
