# AWS WAF cannot be attached to an HTTP API, which has its stage's throttling instead. The rate rule is for the other
# door, Cognito's token endpoint: requests AWS WAF blocks count neither as billed tokens nor towards the pool's quota. It counts every path: only machines come here, and a path has many spellings.

resource "aws_wafv2_web_acl" "token_endpoint" {
  count = var.waf_token_rate_limit == null ? 0 : 1

  name        = "${module.rules.name}-token-endpoint"
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
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${module.rules.name}-token-requests-by-address"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "${module.rules.name}-token-endpoint"
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "token_endpoint" {
  count = length(aws_wafv2_web_acl.token_endpoint)

  resource_arn = aws_cognito_user_pool.this.arn
  web_acl_arn  = aws_wafv2_web_acl.token_endpoint[0].arn
}
