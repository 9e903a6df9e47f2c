data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  is_prod             = module.rules.environment == "prod"
  deletion_protection = coalesce(var.deletion_protection, local.is_prod)

  # A foundation of the same name has `<name>-vending`: both may stand in one account.
  prefix = "${module.rules.name}-query"

  # Names of the parts, and their ARNs made from them: policies are known, and can be checked, before anything exists.
  lambda_role_name = "${local.prefix}-lambda"
  table_name       = "${local.prefix}-clients"

  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id
  regional   = "${module.rules.aws_region}:${local.account_id}"

  function_arn     = "arn:${local.partition}:lambda:${local.regional}:function:${local.prefix}"
  table_arn        = "arn:${local.partition}:dynamodb:${local.regional}:table/${local.table_name}"
  workgroup_arn    = "arn:${local.partition}:athena:${local.regional}:workgroup/${local.prefix}"
  catalog_arn      = "arn:${local.partition}:glue:${local.regional}"
  lambda_log_group = "/aws/lambda/${local.prefix}"
  api_log_group    = "/aws/apigateway/${local.prefix}"

  # The two Lake Formation roles, by what they are for.
  role_names = { for kind in ["super", "dev"] : kind => "${module.rules.name}-lf-${kind}" }
  role_arns  = { for kind, name in local.role_names : kind => "arn:${local.partition}:iam::${local.account_id}:role${module.rules.role_path}${name}" }

  # One namespace an installation, so that the alarms of two in one account and region are apart.
  metrics_namespace = coalesce(var.metrics_namespace, local.prefix)
}
