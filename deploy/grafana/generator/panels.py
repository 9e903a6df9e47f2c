"""What the dashboards have in common: their frame, variables and kinds of panels."""

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="${prometheus}")
CLOUDWATCH = models.DataSourceRef(type_val="cloudwatch", uid="${cloudwatch}")

SHARE = "percentunit"
RATE = "reqps"
SECONDS = "s"


def frame(uid: str, title: str, description: str) -> dashboard.Dashboard:
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["credvend"])
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("credvend")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["credvend"])
            .keep_time(True)
        )
    )


def data_source(name: str, label: str) -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable(name).label(label).type(name)


def label_values(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """The values that a label has, all of them at first."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(PROMETHEUS)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all"))
    )


def text(name: str, label: str, default: str) -> dashboard.TextBoxVariable:
    option = models.VariableOption(text=default, value=default)
    return dashboard.TextBoxVariable(name).label(label).default_value(default).current(option)


def query(expression: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).legend_format(legend).range().datasource(PROMETHEUS)


def with_queries(panel, queries):
    for letter, target in zip("ABCDEFGH", queries, strict=False):
        panel.with_target(target.ref_id(letter))
    return panel


def graph(title: str, description: str, unit: str, *queries, width: int = 12, source=PROMETHEUS) -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(source)
        .unit(unit)
        .min(0)
        .height(8)
        .span(width)
        .fill_opacity(10)
        .legend(legend)
    )
    return with_queries(panel, queries)


def number(title: str, description: str, unit: str, expression: str, limits=()) -> stat.Panel:
    """`limits`: from which value on it is yellow, and from which red; where the first is larger, below which."""
    steps = [models.Threshold(value=None, color="green")]
    if limits:
        yellow, red = limits
        if yellow <= red:
            steps += [models.Threshold(value=yellow, color="yellow"), models.Threshold(value=red, color="red")]
        else:
            steps = [
                models.Threshold(value=None, color="red"),
                models.Threshold(value=red, color="yellow"),
                models.Threshold(value=yellow, color="green"),
            ]
    thresholds = dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .height(4)
        .span(4)
        .thresholds(thresholds)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return with_queries(panel, [query(expression, "")])


def totals(title: str, description: str, expression: str, width: int = 12) -> table.Panel:
    """Sums over the time that is shown, a line for each set of labels."""
    target = (
        prometheus.Dataquery()
        .expr(expression)
        .instant()
        .format(prometheus_models.PromQueryFormat.TABLE)
        .datasource(PROMETHEUS)
        .ref_id("A")
    )
    hide_time = models.DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True}})
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .decimals(0)
        .height(8)
        .span(width)
        .with_transformation(hide_time)
        .with_target(target)
    )


def quantiles(metric: str, matchers: str, by: str = "") -> list[prometheus.Dataquery]:
    """p50, p90 and p99 of a histogram, over all or for each value of a label."""
    group = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return [
        query(
            f"histogram_quantile({share}, sum by ({group}) (rate({metric}_bucket{{{matchers}}}[$__rate_interval])))",
            f"{legend}{name}",
        )
        for share, name in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")]
    ]
