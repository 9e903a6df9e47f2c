output "cognito_user_pool_id" {
  description = "Id of the user pool whose app clients are the servers."
  value       = aws_cognito_user_pool.this.id
}

output "cognito_issuer" {
  description = "`iss` of the pool's tokens."
  value       = local.cognito_issuer
}

output "cognito_domain" {
  description = "The client's COGNITO_DOMAIN: the domain's prefix, or the full host where the client cannot make it of prefix and region (a custom domain, GovCloud)."
  value       = local.cognito_label == "auth" ? aws_cognito_user_pool_domain.this.domain : local.cognito_host
}

output "cognito_token_endpoint" {
  description = "Where the servers fetch their tokens."
  value       = "https://${local.cognito_host}/oauth2/token"
}

output "resource_server_identifier" {
  description = "The client's COGNITO_RESOURCE_SERVER, the first part of every scope's name."
  value       = aws_cognito_resource_server.this.identifier
}

output "credential_vending_api_url" {
  description = "The client's COGNITO_CREDENTIAL_API_URL."
  value       = "${local.api_url}/credentials"

  # Somebody who is told the URL can use it.
  depends_on = [aws_apigatewayv2_stage.default, aws_apigatewayv2_route.vending, aws_lambda_permission.api, aws_apigatewayv2_api_mapping.this]
}

output "credential_vending_lambda_role_arn" {
  description = "The role that the servers' roles trust."
  value       = aws_iam_role.lambda.arn
}

output "credential_vending_lambda_function_arn" {
  description = "The function whose sessions may assume the servers' roles."
  value       = local.function_arn
}

output "credential_vending_lambda_function_name" {
  description = "Name of the Lambda, for its log and its metrics."
  value       = aws_lambda_function.vending.function_name
}

output "credential_vending_lambda_log_group" {
  description = "Log group of the Lambda's audit lines."
  value       = aws_cloudwatch_log_group.lambda.name
}

output "client_roles_table_name" {
  description = "The table of client mappings."
  value       = aws_dynamodb_table.clients.name
}

output "bucket_name" {
  description = "The servers' bucket."
  value       = local.bucket_name
}

output "bucket_arn" {
  description = "ARN of the servers' bucket."
  value       = local.bucket_arn
}

output "bucket_kms_key_arn" {
  description = "The key the bucket is encrypted with; null for S3's own."
  value       = local.bucket_kms_key_arn
}

output "aws_region" {
  description = "Region of everything."
  value       = module.rules.aws_region
}

output "name" {
  description = "Prefix of every name."
  value       = module.rules.name
}

output "tags" {
  description = "Tags of every resource, for the servers layer as well."
  value       = module.rules.tags
}

output "dashboard_url" {
  description = "The dashboard in the AWS console."
  value       = "https://${module.rules.aws_region}.${local.console_domain}/cloudwatch/home?region=${module.rules.aws_region}#dashboards:name=${aws_cloudwatch_dashboard.this.dashboard_name}"
}

output "role_path" {
  description = "IAM path of every role."
  value       = module.rules.role_path
}

output "permissions_boundary_arn" {
  description = "ARN of the policy that bounds every role; null for none."
  value       = module.rules.permissions_boundary_arn
}

output "session_identity" {
  description = "Identity attributes of a session; shared roles need its tags."
  value       = var.session_identity
}
