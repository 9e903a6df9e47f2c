# Alarms on the metrics of the service's audit lines (audit/src/emf.rs: `Denials` and `Errors` have the
# dimension `code`, all others have none) and on those of Lambda itself.

locals {
  function = { FunctionName = local.function_name }

  # Every alarm on a sum within five minutes, by its name.
  sum_alarms = merge(
    { for code, threshold in var.alarms.denials : "denied-${code}" => {
      namespace = local.metrics_namespace, metric = "Denials", dimensions = { code = code }, threshold = threshold
      meaning   = "Requests are denied with ${code}."
    } },
    { for code, threshold in var.alarms.errors : "failed-${code}" => {
      namespace = local.metrics_namespace, metric = "Errors", dimensions = { code = code }, threshold = threshold
      meaning   = "Requests fail with ${code}."
    } },
    {
      lambda-errors = {
        namespace = "AWS/Lambda", metric = "Errors", dimensions = local.function, threshold = var.alarms.lambda_errors
        meaning   = "The Lambda crashes or runs out of time."
      }
      throttles = {
        namespace = "AWS/Lambda", metric = "Throttles", dimensions = local.function, threshold = var.alarms.throttles
        meaning   = "Lambda refuses to run the function: raise its reserved concurrency or the account's."
      }
      jwks-refetches = {
        namespace = local.metrics_namespace, metric = "JwksRefetches", dimensions = {}, threshold = var.alarms.jwks_refetches
        meaning   = "Signing keys are fetched again and again: tokens with unknown keys come in, or the issuer does not respond."
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "sum" {
  for_each = { for name, alarm in local.sum_alarms : name => alarm if alarm.threshold > 0 }

  alarm_name          = "${module.rules.name}-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "latency" {
  count = var.alarms.latency_p99_ms > 0 ? 1 : 0

  alarm_name          = "${module.rules.name}-latency-p99"
  alarm_description   = "One request in a hundred takes longer than ${var.alarms.latency_p99_ms} ms."
  namespace           = local.metrics_namespace
  metric_name         = "LatencyMs"
  extended_statistic  = "p99"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.latency_p99_ms
  treat_missing_data  = "notBreaching"
  # The 99th percentile of a handful of requests means little, so it raises no alarm.
  evaluate_low_sample_count_percentiles = "ignore"
  alarm_actions                         = var.alarm_topic_arns
  ok_actions                            = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "no_vends" {
  count = var.alarms.no_vends_hours > 0 ? 1 : 0

  alarm_name          = "${module.rules.name}-no-vends"
  alarm_description   = "No server has got credentials for ${var.alarms.no_vends_hours} h."
  namespace           = local.metrics_namespace
  metric_name         = "Vends"
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = var.alarms.no_vends_hours
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  # Missing data is the very condition that this alarm reports.
  treat_missing_data = "breaching"
  alarm_actions      = var.alarm_topic_arns
  ok_actions         = var.alarm_topic_arns
}
