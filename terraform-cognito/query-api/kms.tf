# One key for everything at rest, where one is wanted (var.kms_key); foundation/kms.tf says why by way of CloudFormation.

locals {
  creates_key = var.kms_key == "create"
  kms_key_arn = var.kms_key == "none" ? null : local.creates_key ? aws_cloudformation_stack.key[0].outputs["Arn"] : var.kms_key
}

module "key_template" {
  source = "../modules/key-template"

  name        = local.prefix
  environment = module.rules.environment
  purpose     = "results, logs, table and environment of the query API"
  log_groups  = [local.lambda_log_group, local.api_log_group]
  partition   = local.partition
  dns_suffix  = data.aws_partition.current.dns_suffix
  account_id  = local.account_id
  aws_region  = module.rules.aws_region
}

resource "aws_cloudformation_stack" "key" {
  #checkov:skip=CKV_AWS_124:Terraform waits for the stack and tells what failed
  count = local.creates_key ? 1 : 0

  name          = "${local.prefix}-key"
  template_body = module.key_template.template_body
}

resource "aws_kms_alias" "this" {
  count = local.creates_key ? 1 : 0

  name          = "alias/${local.prefix}"
  target_key_id = local.kms_key_arn
}
