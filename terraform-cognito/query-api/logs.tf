# The Lambda's log group, which holds the audit trail, and the API's access log. In production both outlive the
# installation (skip_destroy), so an apply after a destroy finds them there and takes them over instead of failing with
# ResourceAlreadyExistsException.

resource "aws_cloudwatch_log_group" "lambda" {
  name              = local.lambda_log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  skip_destroy      = local.is_prod
}

resource "aws_cloudwatch_log_group" "api" {
  name              = local.api_log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  skip_destroy      = local.is_prod
}

# The plural data source returns an empty list where the singular one fails.
data "aws_cloudwatch_log_groups" "lambda" {
  log_group_name_prefix = local.lambda_log_group
}

data "aws_cloudwatch_log_groups" "api" {
  log_group_name_prefix = local.api_log_group
}

import {
  for_each = setintersection(data.aws_cloudwatch_log_groups.lambda.log_group_names, [local.lambda_log_group])
  to       = aws_cloudwatch_log_group.lambda
  id       = each.value
}

import {
  for_each = setintersection(data.aws_cloudwatch_log_groups.api.log_group_names, [local.api_log_group])
  to       = aws_cloudwatch_log_group.api
  id       = each.value
}
