"""oauth2-proxy, from the three metrics that it has."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from panels import RATE, SECONDS, SHARE, data_source, frame, graph, label_values, number, quantiles, query

JOB = 'job=~"$job"'


def share(codes: str) -> str:
    part = f'sum(rate(oauth2_proxy_requests_total{{{JOB}, code=~"{codes}"}}[$__rate_interval]))'
    return f"({part} or vector(0)) / sum(rate(oauth2_proxy_requests_total{{{JOB}}}[$__rate_interval]))"


def dashboard() -> Dashboard:
    board = frame(
        "oauth2-proxy",
        "oauth2-proxy",
        "People's requests. oauth2-proxy counts by status and method, not by user or path.",
    )
    board.with_variable(data_source("prometheus", "Prometheus"))
    board.with_variable(label_values("job", "Job", "label_values(oauth2_proxy_requests_in_flight, job)"))
    board.with_row(Row("Now"))
    board.with_panel(number("Requests", "", RATE, f"sum(rate(oauth2_proxy_requests_total{{{JOB}}}[$__rate_interval]))"))
    board.with_panel(
        number("Refused", "401 and 403; a browser's first request is one.", SHARE, share("401|403"), (0.2, 0.5))
    )
    board.with_panel(number("Errors", "5xx, of the upstream or of oauth2-proxy.", SHARE, share("5.."), (0.01, 0.05)))
    board.with_panel(number("In flight", "", "none", f"sum(oauth2_proxy_requests_in_flight{{{JOB}}})", (250, 500)))
    board.with_panel(number("Replicas", "That Prometheus reaches.", "none", f"sum(up{{{JOB}}})", (2, 1)))
    board.with_row(Row("Requests"))
    by_code = f"sum by (code) (rate(oauth2_proxy_requests_total{{{JOB}}}[$__rate_interval]))"
    board.with_panel(graph("Requests by code", "", RATE, query(by_code, "{{code}}")))
    by_method = f"sum by (method) (rate(oauth2_proxy_response_duration_seconds_count{{{JOB}}}[$__rate_interval]))"
    board.with_panel(graph("Requests by method", "", RATE, query(by_method, "{{method}}")))
    board.with_panel(
        graph(
            "Response duration",
            "The upstream's time included; 10 s at most can be shown.",
            SECONDS,
            *quantiles("oauth2_proxy_response_duration_seconds", JOB),
        )
    )
    in_flight = f"oauth2_proxy_requests_in_flight{{{JOB}}}"
    board.with_panel(graph("Requests in flight", "By replica.", "none", query(in_flight, "{{instance}}")))
    return board
