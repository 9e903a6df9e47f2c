# AWS WAF cannot be attached to an HTTP API, which has its stage's throttling instead. The rate rule is for the other
# door, Cognito's token endpoint: requests AWS WAF blocks count neither as billed tokens nor towards the pool's quota.

resource "aws_wafv2_web_acl" "token_endpoint" {
  count = var.waf_token_rate_limit == null ? 0 : 1

  name        = "${var.name}-token-endpoint"
  description = "Rate of token requests by source address"
  scope       = "REGIONAL"

  default_action {
    allow {}
  }

  rule {
    name     = "token-requests-by-address"
    priority = 0

    action {
      block {}
    }

    statement {
      rate_based_statement {
        limit              = var.waf_token_rate_limit
        aggregate_key_type = "IP"

        scope_down_statement {
          byte_match_statement {
            positional_constraint = "EXACTLY"
            search_string         = "/oauth2/token"

            field_to_match {
              uri_path {}
            }

            text_transformation {
              priority = 0
              type     = "NONE"
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-token-requests-by-address"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "${var.name}-token-endpoint"
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "token_endpoint" {
  count = length(aws_wafv2_web_acl.token_endpoint)

  resource_arn = aws_cognito_user_pool.this.arn
  web_acl_arn  = aws_wafv2_web_acl.token_endpoint[0].arn
}
