"""For schemathesis: what no description can tell about a request: which token is genuine, and which query the client's own."""

import os

import schemathesis

TOKEN, QUERY_ID = os.environ["ACCESS_TOKEN"], os.environ["QUERY_ID"]


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict) -> None:
    """What has the described form is made to be the client's; what has not is sent as it is."""
    body, query = case.body, case.query
    if isinstance(body, dict):
        if isinstance(body.get("access_token"), str):
            body["access_token"] = TOKEN
        if isinstance(body.get("query"), str) and body["query"]:
            body["query"] = "SELECT 1"
            # Two requests with one key and other parameters are a conflict, which is right and no news.
            body.pop("idempotency_key", None)
    if case.path_parameters and case.path_parameters.get("queryId"):
        case.path_parameters["queryId"] = QUERY_ID
    # The result has one page.
    if query and isinstance(query.get("page"), str) and query["page"]:
        del query["page"]
