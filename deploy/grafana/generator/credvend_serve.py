"""`credvend serve`: one line a machine and identity, or a machine where Prometheus scrapes without the token."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from panels import RATE, SECONDS, data_source, frame, graph, label_values, number, query, totals

MACHINE = 'instance=~"$instance"'
WHO = "{{instance}} {{identity}}"


def dashboard() -> Dashboard:
    board = frame("credvend-serve", "credvend serve", "Credentials, refreshes and requests of the local endpoints.")
    board.with_variable(data_source("prometheus", "Prometheus"))
    board.with_variable(label_values("instance", "Machine", "label_values(credvend_ready, instance)"))
    board.with_row(Row("Now"))
    expiry = f"credvend_credentials_expiry_timestamp_seconds{{{MACHINE}}}"
    board.with_panel(
        number("Machines", "That Prometheus reaches.", "none", f'sum(up{{job="credvend-serve", {MACHINE}}})')
    )
    board.with_panel(
        number(
            "Without credentials",
            "Identities.",
            "none",
            f"count(credvend_ready{{{MACHINE}}} == 0) or vector(0)",
            (1, 1),
        )
    )
    board.with_panel(number("Nearest end", "Of all credentials.", SECONDS, f"min({expiry} - time())", (600, 300)))
    failures = f'sum(increase(credvend_refreshes_total{{{MACHINE}, result="failure"}}[$__rate_interval]))'
    board.with_panel(number("Failed refreshes", "", "none", failures, (1, 5)))
    board.with_panel(number("Requests", "", RATE, f"sum(rate(credvend_requests_total{{{MACHINE}}}[$__rate_interval]))"))
    refused = f'sum(rate(credvend_requests_total{{{MACHINE}, code=~"401|403"}}[$__rate_interval]))'
    board.with_panel(number("Refused", "Without the token, or the wrong user.", RATE, refused, (1, 10)))
    board.with_row(Row("Credentials"))
    board.with_panel(
        graph("Time left", "Refreshed from half of their life on.", SECONDS, query(f"{expiry} - time()", WHO))
    )
    board.with_panel(
        graph("Ready", "1: there are valid credentials.", "none", query(f"credvend_ready{{{MACHINE}}}", WHO))
    )
    refreshes = (
        f"sum by (instance, identity, result) (increase(credvend_refreshes_total{{{MACHINE}}}[$__rate_interval]))"
    )
    board.with_panel(graph("Refreshes", "", "none", query(refreshes, f"{WHO} {{{{result}}}}")))
    codes = f"sum by (code) (rate(credvend_requests_total{{{MACHINE}}}[$__rate_interval]))"
    board.with_panel(graph("Requests by code", "", RATE, query(codes, "{{code}}")))
    board.with_row(Row("Versions"))
    board.with_panel(totals("Machines by version", "", f"count by (version) (credvend_build_info{{{MACHINE}}})"))
    return board
