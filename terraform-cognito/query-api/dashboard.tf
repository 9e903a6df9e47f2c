# One page for the person on call: what is asked and scanned, what is refused and why, how long it takes.

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.prefix
  dashboard_body = jsonencode({ widgets = [for index, widget in local.widgets : merge(widget, {
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

  widgets = [for graph in local.graphs : {
    type = "metric"
    properties = merge(
      { region = module.rules.aws_region, view = "timeSeries", stacked = false, period = 300, stat = "Sum" },
      graph,
    )
  }]

  # SEARCH finds every kind and code there is, also those that come with a later version.
  by = { for metric, dimension in { Queries = "kind", Denials = "code", Errors = "code" } : metric => [[{
    expression = "SEARCH('{${local.metrics_namespace},${dimension}} MetricName=\"${metric}\"', 'Sum', 300)", id = lower(metric)
  }]] }

  graphs = [
    { title = "Queries by kind", metrics = local.by.Queries },
    { title = "Bytes scanned", metrics = [[local.metrics_namespace, "BytesScanned"]] },
    { title = "Denials by code", metrics = local.by.Denials },
    { title = "Errors by code", metrics = local.by.Errors },
    {
      title   = "Latency, ms, Athena's time included"
      metrics = [for stat in ["p50", "p90", "p99"] : [local.metrics_namespace, "LatencyMs", { stat = stat, label = stat }]]
    },
    {
      title   = "Key fetches and cold starts"
      metrics = [[local.metrics_namespace, "JwksRefetches"], [local.metrics_namespace, "ColdStarts"]]
    },
    {
      title   = "Lambda"
      metrics = [for metric in ["Invocations", "Errors", "Throttles"] : ["AWS/Lambda", metric, "FunctionName", local.prefix]]
    },
    {
      title   = "API responses"
      metrics = [for metric in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", metric, "ApiId", aws_apigatewayv2_api.query.id]]
    },
  ]
}
