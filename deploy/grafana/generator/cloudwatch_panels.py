"""Panels of CloudWatch's data source."""

from grafana_foundation_sdk.builders import cloudwatch, table
from grafana_foundation_sdk.models import cloudwatch as models
from panels import CLOUDWATCH

REGION = "$region"


def metric(namespace: str, name: str, statistic: str, label: str, dimensions: dict | None = None):
    """One metric with exactly these dimensions."""
    return (
        cloudwatch.CloudWatchMetricsQuery()
        .query_mode(models.CloudWatchQueryMode.METRICS)
        .metric_query_type(models.MetricQueryType.SEARCH)
        .metric_editor_mode(models.MetricEditorMode.BUILDER)
        .id("")
        .region(REGION)
        .namespace(namespace)
        .metric_name(name)
        .dimensions(dimensions or {})
        .match_exact(True)
        .statistic(statistic)
        .period("")
        .label(label)
        .datasource(CLOUDWATCH)
    )


def by_code(name: str):
    """Every code there is, also those that come with a later version."""
    return (
        cloudwatch.CloudWatchMetricsQuery()
        .query_mode(models.CloudWatchQueryMode.METRICS)
        .metric_query_type(models.MetricQueryType.SEARCH)
        .metric_editor_mode(models.MetricEditorMode.CODE)
        .id("")
        .region(REGION)
        .namespace("$namespace")
        .expression(f"SEARCH('{{$namespace,code}} MetricName=\"{name}\"', 'Sum', 300)")
        .label("${PROP('Dim.code')}")
        .datasource(CLOUDWATCH)
    )


def audit(title: str, description: str, expression: str, groups: list[str]) -> table.Panel:
    """The audit lines, by CloudWatch Logs Insights."""
    target = (
        cloudwatch.CloudWatchLogsQuery()
        .query_mode(models.CloudWatchQueryMode.LOGS)
        .id("")
        .region(REGION)
        .log_group_names(["$log_group"])
        .expression(expression)
        .stats_groups(groups)
        .datasource(CLOUDWATCH)
        .ref_id("A")
    )
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(CLOUDWATCH)
        .height(8)
        .span(12)
        .with_target(target)
    )
