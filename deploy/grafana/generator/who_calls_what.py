"""One page over every way in: agents by the gateway, people by oauth2-proxy, machines by the vending API."""

import vending_api
from cloudwatch_panels import audit, metric
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from panels import CLOUDWATCH, RATE, data_source, frame, graph, query, totals


def dashboard() -> Dashboard:
    board = frame(
        "who-calls-what",
        "credvend: who calls what",
        "Agents, people and machines, what they call, and what is refused.",
    )
    board.with_variable(data_source("prometheus", "Prometheus"))
    vending_api.variables(board)

    board.with_row(Row("Every way in"))
    agents = 'sum(rate(credvend_gateway_requests_total{route!="health"}[$__rate_interval]))'
    people = "sum(rate(oauth2_proxy_requests_total[$__rate_interval]))"
    programs = "sum(rate(credvend_requests_total[$__rate_interval]))"
    board.with_panel(
        graph(
            "Requests",
            "Agents: the gateway. People: oauth2-proxy. Programs: credvend serve.",
            RATE,
            query(agents, "agents"),
            query(people, "people"),
            query(programs, "programs"),
        )
    )
    refused_agents = 'sum(rate(credvend_gateway_client_requests_total{outcome!="allowed"}[$__rate_interval]))'
    forged = 'sum(rate(credvend_gateway_denials_total{code="invalid_token"}[$__rate_interval]))'
    refused_people = 'sum(rate(oauth2_proxy_requests_total{code=~"401|403"}[$__rate_interval]))'
    refused_programs = 'sum(rate(credvend_requests_total{code=~"401|403"}[$__rate_interval]))'
    board.with_panel(
        graph(
            "Refused",
            "Nobody: requests without a genuine token.",
            RATE,
            query(refused_agents, "agents"),
            query(forged, "nobody"),
            query(refused_people, "people"),
            query(refused_programs, "programs"),
        )
    )

    board.with_row(Row("Agents"))
    clients = "sort_desc(sum by (client_id, outcome) (increase(credvend_gateway_client_requests_total[$__range])))"
    board.with_panel(totals("Agents", "By client and outcome.", clients))
    routes = (
        'sort_desc(sum by (route, method, code) (increase(credvend_gateway_requests_total{route!="health"}[$__range])))'
    )
    board.with_panel(totals("What they call", "The audit lines of the gateway connect client and path.", routes))

    board.with_row(Row("People and programs"))
    board.with_panel(
        totals(
            "People",
            "oauth2-proxy knows no names here: its log does.",
            "sort_desc(sum by (code) (increase(oauth2_proxy_requests_total[$__range])))",
        )
    )
    board.with_panel(
        totals(
            "Programs",
            "Requests for credentials on each machine.",
            "sort_desc(sum by (instance, code) (increase(credvend_requests_total[$__range])) > 0)",
        )
    )

    board.with_row(Row("Machines"))
    board.with_panel(
        graph(
            "Vends",
            "Credentials that the vending API has given.",
            "none",
            metric("$namespace", "Vends", "Sum", "Vends"),
            source=CLOUDWATCH,
        )
    )
    steps = [
        "filter ispresent(decision)",
        "stats count(*) as requests by client_id, server_name, decision, code",
        "sort requests desc",
        "limit 100",
    ]
    who = " | ".join(steps)
    board.with_panel(
        audit(
            "Machines", "Who got credentials, and who did not.", who, ["client_id", "server_name", "decision", "code"]
        )
    )
    return board
