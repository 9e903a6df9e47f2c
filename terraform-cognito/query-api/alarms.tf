# Alarms on the metrics of the service's audit lines and on those of Lambda itself. Names and dimensions of the former are
# those of tests/cases/query-api/metrics.json, with which the service is compared, too.

locals {
  # Every code of docs/query-api.md: what the caller did, and what failed.
  codes = [
    "audit_unavailable", "client_disabled", "client_expired", "client_not_registered", "idempotency_conflict", "insufficient_scope",
    "internal_error", "invalid_query", "invalid_request", "invalid_token", "keys_unavailable", "mapping_unavailable", "method_not_allowed",
    "misconfigured", "not_found", "not_your_query", "permission_denied", "query_failed", "query_unavailable", "rate_limited",
    "request_too_large", "role_not_assumable", "row_too_large", "source_not_allowed", "statement_not_allowed", "sts_unavailable",
    "too_many_queries", "unsupported_media_type",
  ]

  function = { FunctionName = local.prefix }

  # Every alarm on a sum, by its name.
  sum_alarms = merge(
    { for code, threshold in var.alarms.denials : "denied-${code}" => {
      namespace = local.metrics_namespace, metric = "Denials", dimensions = { code = code }, threshold = threshold, period = 300
      meaning   = "Requests are denied with ${code}."
    } },
    { for code, threshold in var.alarms.errors : "failed-${code}" => {
      namespace = local.metrics_namespace, metric = "Errors", dimensions = { code = code }, threshold = threshold, period = 300
      meaning   = "Requests fail with ${code}."
    } },
    {
      lambda-errors = {
        namespace = "AWS/Lambda", metric = "Errors", dimensions = local.function, threshold = var.alarms.lambda_errors, period = 300
        meaning   = "The Lambda crashes or runs out of time."
      }
      throttles = {
        namespace = "AWS/Lambda", metric = "Throttles", dimensions = local.function, threshold = var.alarms.throttles, period = 300
        meaning   = "Lambda refuses to run the function: raise its reserved concurrency or the account's."
      }
      jwks-refetches = {
        namespace = local.metrics_namespace, metric = "JwksRefetches", dimensions = {}, threshold = var.alarms.jwks_refetches, period = 300
        meaning   = "Signing keys are fetched again and again: tokens with unknown keys come in, or the issuer does not respond."
      }
      scanned-bytes = {
        namespace = local.metrics_namespace, metric = "BytesScanned", dimensions = {}, period = 86400
        threshold = var.alarms.scanned_gigabytes_per_day * 1000000000
        meaning   = "The queries of a day have scanned ${var.alarms.scanned_gigabytes_per_day} GB: Athena bills US$ 5 a terabyte."
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "sum" {
  for_each = { for name, alarm in local.sum_alarms : name => alarm if alarm.threshold > 0 }

  alarm_name          = "${local.prefix}-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = "Sum"
  period              = each.value.period
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
