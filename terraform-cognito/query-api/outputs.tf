output "query_api_url" {
  description = "The API's base URL, without a path: QUERY_API_URL of the clients."
  value       = aws_apigatewayv2_api.query.api_endpoint

  # Somebody who is told the URL can use it.
  depends_on = [aws_apigatewayv2_stage.default, aws_apigatewayv2_route.query, aws_lambda_permission.api, aws_iam_role_policy.lake_formation]
}

output "cognito_user_pool_id" {
  description = "Id of the user pool whose app clients are the clients."
  value       = local.user_pool_id
}

output "cognito_issuer" {
  description = "`iss` of the pool's tokens."
  value       = local.cognito_issuer
}

output "token_endpoint" {
  description = "Where the clients fetch their tokens."
  value       = local.token_endpoint
}

output "scopes" {
  description = "Full names of the scopes."
  value       = { for scope in keys(local.scopes) : scope => "${aws_cognito_resource_server.this.identifier}/${scope}" }
}

output "client_configurations" {
  description = "The client's environment for each app client, without secrets."
  value = { for name, client in module.client : name => {
    IDP_TYPE                = "cognito"
    AWS_REGION              = module.rules.aws_region
    COGNITO_DOMAIN          = local.cognito_label == "auth" ? var.cognito_domain : local.cognito_host
    COGNITO_CLIENT_ID       = client.client_id
    COGNITO_RESOURCE_SERVER = aws_cognito_resource_server.this.identifier
    QUERY_API_URL           = aws_apigatewayv2_api.query.api_endpoint
  } }
}

output "client_secrets" {
  description = "The secrets that go with client_configurations."
  value       = { for name, client in module.client : name => { COGNITO_CLIENT_SECRET = client.client_secret } }
  sensitive   = true
}

output "lake_formation_role_arns" {
  description = "The roles that queries run as, for grants that are made elsewhere."
  value       = { for kind, role in aws_iam_role.lake_formation : kind => role.arn }
}

output "query_lambda_role_arn" {
  description = "The role that the roles of mapping items must trust."
  value       = aws_iam_role.lambda.arn
}

output "query_lambda_function_name" {
  description = "Name of the Lambda, for its log and its metrics."
  value       = aws_lambda_function.query.function_name
}

output "query_lambda_log_group" {
  description = "Log group of the audit lines."
  value       = aws_cloudwatch_log_group.lambda.name
}

output "workgroup" {
  description = "Athena workgroup of every query."
  value       = aws_athena_workgroup.this.name
}

output "results_location" {
  description = "Where results go; each client has a folder of its own below it."
  value       = "s3://${local.bucket_name}/${var.results_prefix}"
}

output "role_mappings_table_name" {
  description = "The table of client mappings; null where there is none."
  value       = one(aws_dynamodb_table.clients[*].name)
}

output "dashboard_url" {
  description = "The dashboard in the AWS console."
  value       = "https://${module.rules.aws_region}.${local.console_domain}/cloudwatch/home?region=${module.rules.aws_region}#dashboards:name=${aws_cloudwatch_dashboard.this.dashboard_name}"
}
