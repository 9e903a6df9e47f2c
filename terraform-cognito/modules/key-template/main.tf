# The CloudFormation template of an installation's KMS key. No resource: a root's stack keeps its address.

locals {
  key_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        # Without this statement no principal could ever change the key. With it, the account's IAM policies decide.
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${var.partition}:iam::${var.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.aws_region}.${var.dns_suffix}" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = {
          ArnEquals = {
            "kms:EncryptionContext:aws:logs:arn" = [for group in var.log_groups : "arn:${var.partition}:logs:${var.aws_region}:${var.account_id}:log-group:${group}"]
          }
        }
      },
    ]
  }

  template = {
    # CloudFormation takes no change of a DeletionPolicy alone, so the description changes with it.
    Description = "KMS key of ${var.name} (${var.environment})"
    Resources = {
      Key = {
        Type                = "AWS::KMS::Key"
        DeletionPolicy      = var.environment == "prod" ? "Retain" : "Delete"
        UpdateReplacePolicy = "Retain"
        Properties = {
          Description         = "${var.name}: ${var.purpose} (${var.environment})"
          EnableKeyRotation   = true
          PendingWindowInDays = 7
          KeyPolicy           = local.key_policy
        }
      }
    }
    Outputs = { Arn = { Value = { "Fn::GetAtt" = ["Key", "Arn"] } } }
  }
}
