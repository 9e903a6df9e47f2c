# One page for the person on call: who gets credentials, who does not and why, how long it takes.

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = module.rules.name
  dashboard_body = jsonencode({ widgets = [for index, widget in concat(local.metric_widgets, local.log_widgets) : merge(widget, {
    x      = index % 2 * 12
    y      = floor(index / 2) * 6
    width  = 12
    height = 6
  })] })
}

locals {
  # The console of each partition has a domain of its own; the isolated regions' are not public.
  console_domain = lookup({
    aws-cn     = "console.amazonaws.cn"
    aws-us-gov = "console.amazonaws-us-gov.com"
    aws-eusc   = "console.amazonaws-eusc.eu"
  }, local.partition, "console.aws.amazon.com")

  metric_widgets = [for graph in local.graphs : {
    type = "metric"
    properties = merge(
      { region = module.rules.aws_region, view = "timeSeries", stacked = false, period = 300, stat = "Sum" },
      graph,
    )
  }]

  # Logs Insights over the audit lines: as metrics, each step would be billed each month. A query is billed by what it reads.
  log_widgets = [{
    type = "log"
    properties = {
      region  = module.rules.aws_region
      title   = "Latency by step, p90, ms"
      view    = "timeSeries"
      stacked = false
      query = join(" | ", [
        "SOURCE '${aws_cloudwatch_log_group.lambda.name}'",
        "filter ispresent(LatencyMs)",
        "stats ${join(", ", [for step in local.steps : "pct(`LatencyMs.${step}`, 90) as ${step}"])} by bin(5m)",
      ])
    }
  }]

  # The steps of a vend, in order.
  steps = ["request", "token", "issuer", "jwks", "verify", "rate_limit", "mapping", "authorize", "session", "sts"]

  graphs = [
    {
      title   = "Vends"
      metrics = [[local.metrics_namespace, "Vends"], [local.metrics_namespace, "Explanations"]]
    },
    {
      # SEARCH finds every code there is, also those that come with a later version.
      title   = "Denials by code"
      metrics = [[{ expression = "SEARCH('{${local.metrics_namespace},code} MetricName=\"Denials\"', 'Sum', 300)", id = "denials" }]]
    },
    {
      title   = "Errors by code"
      metrics = [[{ expression = "SEARCH('{${local.metrics_namespace},code} MetricName=\"Errors\"', 'Sum', 300)", id = "errors" }]]
    },
    {
      title = "Latency, ms"
      metrics = [for stat in ["p50", "p90", "p99"] :
        [local.metrics_namespace, "LatencyMs", { stat = stat, label = stat }]
      ]
    },
    {
      title   = "Key fetches and cold starts"
      metrics = [[local.metrics_namespace, "JwksRefetches"], [local.metrics_namespace, "ColdStarts"]]
    },
    {
      title = "Lambda"
      metrics = [for metric in ["Invocations", "Errors", "Throttles"] :
        ["AWS/Lambda", metric, "FunctionName", local.function_name]
      ]
    },
    {
      title = "API responses"
      metrics = [for metric in ["Count", "4xx", "5xx"] :
        ["AWS/ApiGateway", metric, "ApiId", aws_apigatewayv2_api.vending.id]
      ]
    },
  ]
}
