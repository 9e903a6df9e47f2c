# One key for everything at rest, where one is wanted (var.kms_key).

locals {
  creates_key = var.kms_key == "create"
  kms_key_arn = var.kms_key == "none" ? null : local.creates_key ? aws_cloudformation_stack.key[0].outputs["Arn"] : var.kms_key
}

module "key_template" {
  source = "../modules/key-template"

  name        = module.rules.name
  environment = module.rules.environment
  purpose     = "table, bucket, logs and environment of the credential vending service"
  log_groups  = [local.lambda_log_group, local.api_log_group]
  partition   = local.partition
  dns_suffix  = data.aws_partition.current.dns_suffix
  account_id  = local.account_id
  aws_region  = module.rules.aws_region
}

# By way of CloudFormation, whose DeletionPolicy the AWS provider has no counterpart of: in production a destroy leaves the
# key, because the log groups that stay are unreadable without it, and so is a bucket or a backup that was kept. The
# next apply makes a new key for what is written from then on. In dev the key is deleted seven days later.
resource "aws_cloudformation_stack" "key" {
  #checkov:skip=CKV_AWS_124:Terraform waits for the stack and tells what failed
  count = local.creates_key ? 1 : 0

  name          = "${module.rules.name}-key"
  template_body = module.key_template.template_body
}

resource "aws_kms_alias" "this" {
  count = local.creates_key ? 1 : 0

  name          = "alias/${module.rules.name}"
  target_key_id = local.kms_key_arn
}
