# Hosts of your own, where they are wanted. The certificates exist before: ACM validates them by a record that is often
# in another account.

resource "aws_apigatewayv2_domain_name" "this" {
  count = var.api_custom_domain == null ? 0 : 1

  domain_name = var.api_custom_domain.domain_name

  domain_name_configuration {
    certificate_arn = var.api_custom_domain.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  count = length(aws_apigatewayv2_domain_name.this)

  api_id      = aws_apigatewayv2_api.vending.id
  domain_name = aws_apigatewayv2_domain_name.this[0].id
  stage       = aws_apigatewayv2_stage.default.id
}

resource "aws_route53_record" "api" {
  count = try(var.api_custom_domain.hosted_zone_id, null) == null ? 0 : 1

  zone_id = var.api_custom_domain.hosted_zone_id
  name    = var.api_custom_domain.domain_name
  type    = "A"

  alias {
    name                   = aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].target_domain_name
    zone_id                = aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].hosted_zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "cognito" {
  count = try(var.cognito_custom_domain.hosted_zone_id, null) == null ? 0 : 1

  zone_id = var.cognito_custom_domain.hosted_zone_id
  name    = var.cognito_custom_domain.domain_name
  type    = "A"

  alias {
    name                   = aws_cognito_user_pool_domain.this.cloudfront_distribution
    zone_id                = aws_cognito_user_pool_domain.this.cloudfront_distribution_zone_id
    evaluate_target_health = false
  }
}
