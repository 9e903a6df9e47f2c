"""The vending API: the metrics of its audit lines, and AWS's own, as in the Terraform dashboard."""

from cloudwatch_panels import audit, by_code, metric
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from panels import CLOUDWATCH, data_source, frame, graph, text

NAMESPACE = "$namespace"


def variables(board: Dashboard) -> Dashboard:
    board.with_variable(data_source("cloudwatch", "CloudWatch"))
    board.with_variable(text("region", "Region", "default"))
    board.with_variable(text("namespace", "METRICS_NAMESPACE", "credvend"))
    board.with_variable(text("log_group", "Log group", "/aws/lambda/credvend-vending"))
    return board


def count(name: str):
    return metric(NAMESPACE, name, "Sum", name)


def aws(service: str, dimensions: dict, *names: str):
    return [metric(f"AWS/{service}", name, "Sum", name, dimensions) for name in names]


def dashboard() -> Dashboard:
    board = frame(
        "vending-api", "credvend vending API", "Who gets credentials, who does not and why, how long it takes."
    )
    variables(board)
    board.with_variable(text("function", "Lambda function", "credvend-vending"))
    board.with_variable(text("api", "Id of the HTTP API", "*"))
    board.with_row(Row("Decisions"))
    board.with_panel(graph("Vends", "", "none", count("Vends"), count("Explanations"), source=CLOUDWATCH))
    board.with_panel(graph("Denials by code", "", "none", by_code("Denials"), source=CLOUDWATCH))
    board.with_panel(
        graph("Errors by code", "503 and 502: a dependency.", "none", by_code("Errors"), source=CLOUDWATCH)
    )
    latency = [metric(NAMESPACE, "LatencyMs", statistic, statistic) for statistic in ("p50", "p90", "p99")]
    board.with_panel(graph("Latency", "All steps of a request together.", "ms", *latency, source=CLOUDWATCH))
    starts = [count("JwksRefetches"), count("ColdStarts")]
    board.with_panel(graph("Key fetches and cold starts", "", "none", *starts, source=CLOUDWATCH))
    steps = [
        "filter ispresent(decision) and decision != 'allow'",
        "stats count(*) as requests by client_id, code, reason",
        "sort requests desc",
        "limit 50",
    ]
    refused = " | ".join(steps)
    board.with_panel(
        audit("Why not?", "The audit lines of what was not allowed.", refused, ["client_id", "code", "reason"])
    )
    board.with_row(Row("AWS"))
    function = aws("Lambda", {"FunctionName": "$function"}, "Invocations", "Errors", "Throttles")
    board.with_panel(graph("Lambda", "", "none", *function, source=CLOUDWATCH))
    api = aws("ApiGateway", {"ApiId": "$api"}, "Count", "4xx", "5xx")
    board.with_panel(graph("API responses", "", "none", *api, source=CLOUDWATCH))
    return board
