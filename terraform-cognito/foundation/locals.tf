data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  is_prod             = var.environment == "prod"
  deletion_protection = coalesce(var.deletion_protection, local.is_prod)
  tags                = merge(var.tags, { project = "credvend", environment = var.environment })

  # Names of the parts, and their ARNs made from them: policies are known, and can be checked, before anything exists.
  function_name    = "${var.name}-vending"
  lambda_role_name = "${var.name}-vending-lambda"
  table_name       = "${var.name}-clients"

  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id
  regional   = "${var.aws_region}:${local.account_id}"

  table_arn        = "arn:${local.partition}:dynamodb:${local.regional}:table/${local.table_name}"
  lambda_log_group = "/aws/lambda/${local.function_name}"
  api_log_group    = "/aws/apigateway/${local.function_name}"
}
