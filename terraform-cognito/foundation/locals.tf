data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  is_prod             = module.rules.environment == "prod"
  deletion_protection = coalesce(var.deletion_protection, local.is_prod)

  # Names of the parts, and their ARNs made from them: policies are known, and can be checked, before anything exists.
  function_name    = "${module.rules.name}-vending"
  lambda_role_name = "${module.rules.name}-vending-lambda"
  table_name       = "${module.rules.name}-clients"

  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id
  regional   = "${module.rules.aws_region}:${local.account_id}"

  function_arn     = "arn:${local.partition}:lambda:${local.regional}:function:${local.function_name}"
  table_arn        = "arn:${local.partition}:dynamodb:${local.regional}:table/${local.table_name}"
  lambda_log_group = "/aws/lambda/${local.function_name}"
  api_log_group    = "/aws/apigateway/${local.function_name}"

  # One namespace an installation, so that the alarms of two in one account and region are apart.
  metrics_namespace = coalesce(var.metrics_namespace, module.rules.name)
}
