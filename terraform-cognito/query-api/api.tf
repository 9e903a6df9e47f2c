# The HTTP API in front of the Lambda. No CORS: no browser is a client. No authorizer: the Lambda verifies the token
# itself, so that every refusal has a code and an audit line.

resource "aws_apigatewayv2_api" "query" {
  name          = local.prefix
  description   = "Query API of ${module.rules.name}"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "query" {
  api_id                 = aws_apigatewayv2_api.query.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.query.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "query" {
  for_each = toset([
    "POST /query-client-creds",
    "GET /query-client-creds/{queryId}",
    "DELETE /query-client-creds/{queryId}",
    "GET /health",
    "GET /ready",
    "GET /openapi.json",
    # For probes: the same as GET without the body (RFC 9110 §9.3.2).
    "HEAD /health",
    "HEAD /ready",
    "HEAD /openapi.json",
  ])

  api_id    = aws_apigatewayv2_api.query.id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.query.id}"
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.query.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.api_throttling.rate
    throttling_burst_limit = var.api_throttling.burst
    # Metrics a route are billed each, and the service's own tell more.
    detailed_metrics_enabled = false
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    format          = jsonencode(local.access_log_format)
  }
}

resource "aws_lambda_permission" "api" {
  statement_id  = "InvokeFromHttpApi"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.query.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.query.execution_arn}/*/*"
}

locals {
  # Never $context.authorizer, headers, the path or the query: a token could be in them. The route has {queryId}, not the id.
  access_log_format = {
    requestId        = "$context.requestId"
    time             = "$context.requestTime"
    sourceIp         = "$context.identity.sourceIp"
    userAgent        = "$context.identity.userAgent"
    routeKey         = "$context.routeKey"
    status           = "$context.status"
    responseLength   = "$context.responseLength"
    responseLatency  = "$context.responseLatency"
    integrationError = "$context.integrationErrorMessage"
  }
}
