"""credvend-gateway: the metrics of its /metrics."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from panels import RATE, SECONDS, SHARE, data_source, frame, graph, label_values, number, quantiles, query

JOB = 'job=~"$job"'
ROUTE = f'{JOB}, route=~"$route"'
WORK = f'{JOB}, route!="health"'


def rate(metric: str, by: str, matchers: str = JOB) -> str:
    return f"sum by ({by}) (rate(credvend_gateway_{metric}{{{matchers}}}[$__rate_interval]))"


def share(matchers: str) -> str:
    """Of all requests; 0 where none of this kind has been seen."""
    counted = f"sum(rate(credvend_gateway_denials_total{{{JOB}, {matchers}}}[$__rate_interval]))"
    return f"({counted} or vector(0)) / sum(rate(credvend_gateway_requests_total{{{WORK}}}[$__rate_interval]))"


REFUSED = 'code=~"invalid_token|insufficient_scope|rate_limited|not_found|method_not_allowed"'
UPSTREAM = 'code=~"upstream_unavailable|upstream_timeout"'


def rows(board: Dashboard) -> Dashboard:
    requests_now = f"sum(rate(credvend_gateway_requests_total{{{WORK}}}[$__rate_interval]))"
    slowest = (
        "histogram_quantile(0.99, sum by (le) "
        f"(rate(credvend_gateway_request_duration_seconds_bucket{{{WORK}}}[$__rate_interval])))"
    )
    board.with_row(Row("Now"))
    board.with_panel(number("Requests", "Without health checks.", RATE, requests_now))
    board.with_panel(number("Refused", "401, 403, 404, 405 and 429.", SHARE, share(REFUSED), (0.05, 0.5)))
    board.with_panel(number("502 and 504", "The gateway's own.", SHARE, share(UPSTREAM), (0.01, 0.05)))
    board.with_panel(number("p99", "All routes, the upstream's time included.", SECONDS, slowest, (1, 2)))
    board.with_panel(number("In flight", "", "none", f"sum(credvend_gateway_requests_in_flight{{{JOB}}})"))
    board.with_panel(number("Replicas", "That Prometheus reaches.", "none", f"sum(up{{{JOB}}})", (2, 1)))

    board.with_row(Row("Requests"))
    board.with_panel(
        graph(
            "Requests by code",
            "499: the caller left first.",
            RATE,
            query(rate("requests_total", "code", ROUTE), "{{code}}"),
        )
    )
    board.with_panel(
        graph(
            "Requests by route",
            "The pattern of the configuration.",
            RATE,
            query(rate("requests_total", "route", ROUTE), "{{route}}"),
        )
    )
    board.with_panel(
        graph("Requests by method", "", RATE, query(rate("requests_total", "method", ROUTE), "{{method}}"))
    )
    board.with_panel(
        graph(
            "Refusals by reason",
            "Every response of the gateway's own, by its error code.",
            RATE,
            query(rate("denials_total", "code"), "{{code}}"),
        )
    )

    board.with_row(Row("Clients"))
    by_client = rate("client_requests_total", "client_id")
    refused = rate("client_requests_total", "client_id, outcome", f'{JOB}, outcome!="allowed"')
    board.with_panel(
        graph("Requests by client", "The ten busiest.", RATE, query(f"topk(10, {by_client})", "{{client_id}}"))
    )
    board.with_panel(
        graph(
            "Refused requests by client",
            "Genuine tokens: a scope, a path, a method or a rate does not fit.",
            RATE,
            query(refused, "{{client_id}} {{outcome}}"),
        )
    )

    board.with_row(Row("Time"))
    board.with_panel(
        graph(
            "Request duration",
            "From the request's head to the response's end.",
            SECONDS,
            *quantiles("credvend_gateway_request_duration_seconds", ROUTE),
        )
    )
    board.with_panel(
        graph(
            "Upstream",
            "To the first byte of its response, by route.",
            SECONDS,
            *quantiles("credvend_gateway_upstream_duration_seconds", ROUTE, "route"),
        )
    )
    board.with_panel(
        graph(
            "Token validation",
            "From the cache, and not.",
            SECONDS,
            *quantiles("credvend_gateway_token_validation_duration_seconds", JOB, "cache"),
        )
    )
    validations = "credvend_gateway_token_validation_duration_seconds_count"
    hits = f'sum(rate({validations}{{{JOB}, cache="hit"}}[$__rate_interval]))'
    of_all = f"sum(rate({validations}{{{JOB}}}[$__rate_interval]))"
    board.with_panel(
        graph(
            "Share of cache hits",
            "Low: callers ask for a token for each call.",
            SHARE,
            query(f"{hits} / {of_all}", "hits"),
        )
    )

    board.with_row(Row("Keys"))
    board.with_panel(
        graph(
            "Age of keys",
            "Refetched every 10 minutes; of no use after 6 hours.",
            SECONDS,
            query(f"max by (issuer) (credvend_gateway_jwks_age_seconds{{{JOB}}})", "{{issuer}}"),
        )
    )
    fetches = f"sum by (issuer, outcome) (increase(credvend_gateway_jwks_refetches_total{{{JOB}}}[$__rate_interval]))"
    board.with_panel(graph("Key fetches", "", "none", query(fetches, "{{issuer}} {{outcome}}")))

    board.with_row(Row("Connections"))
    board.with_panel(
        graph(
            "Connections",
            "By replica; MAX_CONNECTIONS bounds those of clients.",
            "none",
            query(f"credvend_gateway_connections{{{JOB}}}", "{{instance}} {{side}}"),
            width=8,
        )
    )
    board.with_panel(
        graph(
            "Requests in flight",
            "By replica.",
            "none",
            query(f"credvend_gateway_requests_in_flight{{{JOB}}}", "{{instance}}"),
            width=8,
        )
    )
    board.with_panel(
        graph(
            "Cached tokens",
            "By replica.",
            "none",
            query(f"credvend_gateway_token_cache_entries{{{JOB}}}", "{{instance}}"),
            width=8,
        )
    )
    return board


def dashboard() -> Dashboard:
    board = frame(
        "gateway", "credvend gateway", "Requests, refusals, clients, times, keys and connections of credvend-gateway."
    )
    board.with_variable(data_source("prometheus", "Prometheus"))
    board.with_variable(label_values("job", "Job", "label_values(credvend_gateway_requests_in_flight, job)"))
    board.with_variable(
        label_values("route", "Route", 'label_values(credvend_gateway_requests_total{job=~"$job"}, route)')
    )
    return rows(board)
