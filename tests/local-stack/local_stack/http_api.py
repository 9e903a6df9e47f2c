"""An HTTP API of API Gateway as its caller sees it: route, permission, Lambda event (payload 2.0), response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
import re
import time
import uuid
from dataclasses import dataclass

from moto.apigatewayv2.models import Api, Route, Stage
from moto.core import DEFAULT_ACCOUNT_ID
from werkzeug.wrappers import Request, Response

from . import policy
from .access_log import write_access_log
from .functions import FunctionError, Functions, Throttled, UnknownFunction
from .operation import Call

# Bodies of other types reach the function in base64.
TEXT_TYPES = re.compile(r"text/.*|application/(json|javascript|xml)", re.IGNORECASE)
LARGEST_BODY = 10 * 1024 * 1024
FUNCTION_URI = re.compile(r"arn:aws:apigateway:[^:]+:lambda:path/2015-03-31/functions/(.+)/invocations")


@dataclass
class Exchange:
    """One request on its way through the API."""

    api: Api
    stage: Stage
    host: str
    path: str
    request: Request
    route: Route | None = None
    path_parameters: dict | None = None
    integration_error: str = "-"

    def __post_init__(self) -> None:
        self.request_id = uuid.uuid4().hex[:15] + "="
        self.started = time.time()

    @property
    def source_ip(self) -> str:
        return self.request.remote_addr or "127.0.0.1"


class HttpApi:
    """Answers for any API; the functions behind it are real."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def answer(self, api: Api, stage_name: str | None, host: str, path: str, request: Request, call: Call) -> Response:
        exchange = _enter(api, stage_name, host, path, request)
        if exchange is None:
            return _message(404, "Not Found")
        reply = self._reply(exchange)
        reply.headers["Apigw-Requestid"] = exchange.request_id
        call.detail |= {"route": exchange.route.route_key if exchange.route else None}
        if exchange.integration_error != "-":
            call.detail["error"] = exchange.integration_error
        write_access_log(exchange, reply)
        return reply

    def _reply(self, exchange: Exchange) -> Response:
        found = _find_route(exchange.api, exchange.request.method, exchange.path)
        if found is None:
            return _message(404, "Not Found")
        exchange.route, exchange.path_parameters = found
        if (exchange.request.content_length or 0) > LARGEST_BODY:
            return _message(413, "Request Entity Too Large")
        try:
            result = self._functions.invoke(_function_name(exchange), _event(exchange), _permission(exchange))
            return _response(result)
        except Throttled as error:
            exchange.integration_error = str(error)
            return _message(503, "Service Unavailable")
        except (FunctionError, UnknownFunction, ValueError) as error:
            exchange.integration_error = str(error)
            return _message(500, "Internal Server Error")


def _enter(api: Api, stage_name: str | None, host: str, path: str, request: Request) -> Exchange | None:
    """The stage is the mapping's, the path's first segment, or `$default`."""
    if stage_name is not None:
        stage = api.stages.get(stage_name)
        return stage and Exchange(api, stage, host, path, request)
    first, _, rest = path.lstrip("/").partition("/")
    if first in api.stages:
        return Exchange(api, api.stages[first], host, f"/{rest}", request)
    stage = api.stages.get("$default")
    return stage and Exchange(api, stage, host, path, request)


def _find_route(api: Api, method: str, path: str) -> tuple[Route, dict] | None:
    """The most specific route: full match, then a greedy variable, then `$default`; a method before ANY."""
    candidates = []
    for route in api.routes.values():
        if route.route_key == "$default":
            candidates.append(((2, 1), route, {}))
            continue
        wanted, _, template = route.route_key.partition(" ")
        parameters = _match(template, path)
        if parameters is not None and wanted in (method, "ANY"):
            candidates.append(((int("+}" in template), int(wanted == "ANY")), route, parameters))
    best = min(candidates, key=lambda candidate: candidate[0], default=None)
    return best and best[1:]


def _match(template: str, path: str) -> dict | None:
    parts = re.split(r"\{([^}]+)\}", template)
    pattern = "".join(
        re.escape(part) if index % 2 == 0 else ("(.+)" if part.endswith("+") else "([^/]+)")
        for index, part in enumerate(parts)
    )
    match = re.fullmatch(pattern, path)
    return match and dict(zip((name.rstrip("+") for name in parts[1::2]), match.groups(), strict=True))


def _function_name(exchange: Exchange) -> str:
    target = (exchange.route.target or "").removeprefix("integrations/")
    integration = exchange.api.integrations.get(target)
    if integration is None:
        raise ValueError(f"route {exchange.route.route_key} has no integration")
    if integration.integration_type != "AWS_PROXY" or integration.payload_format_version != "2.0":
        raise ValueError("the local stack has AWS_PROXY integrations of payload format 2.0 only")
    uri = FUNCTION_URI.fullmatch(integration.integration_uri)
    return uri[1] if uri else integration.integration_uri


def _permission(exchange: Exchange) -> policy.Request:
    """What API Gateway asks of the function's resource policy."""
    region = exchange.api.backend.region_name
    method, _, template = exchange.route.route_key.rpartition(" ")
    place = f"{exchange.api.api_id}/{exchange.stage.name}/{method or '*'}/{template.lstrip('/')}"
    source = f"arn:aws:execute-api:{region}:{DEFAULT_ACCOUNT_ID}:{place}"
    return policy.Request(
        "lambda:InvokeFunction",
        "",
        {"aws:SourceArn": [source], "aws:SourceAccount": [DEFAULT_ACCOUNT_ID]},
        {"Service": {"apigateway.amazonaws.com"}},
    )


def _event(exchange: Exchange) -> dict:
    request, stage = exchange.request, exchange.stage
    raw_path = exchange.path if stage.name == "$default" else f"/{stage.name}{exchange.path}"
    query = request.args.to_dict(flat=False)
    event = {
        "version": "2.0",
        "routeKey": exchange.route.route_key,
        "rawPath": raw_path,
        "rawQueryString": request.query_string.decode(),
        "cookies": [cookie.strip() for cookie in request.headers.get("Cookie", "").split(";") if cookie.strip()],
        "headers": _headers(exchange),
        "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
        "requestContext": _request_context(exchange, raw_path),
        "pathParameters": exchange.path_parameters,
        "stageVariables": stage.stage_variables,
        "isBase64Encoded": False,
    }
    body = request.get_data(cache=False)
    if body:
        is_text = TEXT_TYPES.fullmatch(request.mimetype or "") is not None
        event["body"] = body.decode(errors="replace") if is_text else base64.b64encode(body).decode()
        event["isBase64Encoded"] = not is_text
    # What there is none of is left out.
    optional = ("cookies", "queryStringParameters", "pathParameters", "stageVariables")
    return {name: value for name, value in event.items() if value or name not in optional}


def _headers(exchange: Exchange) -> dict[str, str]:
    """One entry a name, in lower case; what the gateway adds or decides itself wins over what the caller sent."""
    headers: dict[str, str] = {}
    for name, value in exchange.request.headers.items():
        name = name.lower()
        if name not in ("cookie", "connection"):
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    forwarded = headers.get("x-forwarded-for")
    return headers | {
        "host": exchange.host,
        "x-forwarded-for": f"{forwarded}, {exchange.source_ip}" if forwarded else exchange.source_ip,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
        "x-amzn-trace-id": f"Root=1-{int(exchange.started):08x}-{uuid.uuid4().hex[:24]}",
    }


def _request_context(exchange: Exchange, raw_path: str) -> dict:
    return {
        "accountId": DEFAULT_ACCOUNT_ID,
        "apiId": exchange.api.api_id,
        "domainName": exchange.host,
        "domainPrefix": exchange.host.partition(".")[0],
        "http": {
            "method": exchange.request.method,
            "path": raw_path,
            "protocol": "HTTP/1.1",
            "sourceIp": exchange.source_ip,
            "userAgent": exchange.request.headers.get("User-Agent", ""),
        },
        "requestId": exchange.request_id,
        "routeKey": exchange.route.route_key,
        "stage": exchange.stage.name,
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(exchange.started)),
        "timeEpoch": int(exchange.started * 1000),
    }


def _response(result: bytes) -> Response:
    """The function's result as HTTP; without `statusCode` the whole of it is the body."""
    value = json.loads(result)
    if not isinstance(value, dict) or "statusCode" not in value:
        body = value if isinstance(value, str) else result
        return Response(body, 200, content_type="application/json")
    body = value.get("body") or ""
    if value.get("isBase64Encoded"):
        body = base64.b64decode(body, validate=True)
    reply = Response(body, int(value["statusCode"]))
    reply.headers.pop("Content-Type", None)
    for name, text in (value.get("headers") or {}).items():
        reply.headers[name] = str(text)
    for cookie in value.get("cookies") or []:
        reply.headers.add("Set-Cookie", cookie)
    reply.headers.setdefault("Content-Type", "text/plain;charset=UTF-8")
    return reply


def _message(status: int, text: str) -> Response:
    return Response(json.dumps({"message": text}), status, content_type="application/json")
