"""A stage's access log: the format's `$context` variables filled in, one line a request, into its log group.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
"""

import re
import time
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from .log_groups import put_lines

if TYPE_CHECKING:
    from .http_api import Exchange

LOG_GROUP = re.compile(r"arn:aws:logs:([^:]+):\d+:log-group:([^:]+)(:\*)?")


def write_access_log(exchange: "Exchange", reply: Response) -> None:
    settings = exchange.stage.access_log_settings or {}
    group = LOG_GROUP.fullmatch(settings.get("destinationArn", ""))
    if not group:
        return
    context = _context(exchange, reply)
    line = re.sub(r"\$context\.([\w.]+)", lambda match: context.get(match[1], "-"), settings["format"])
    put_lines(group[1], group[2], f"{exchange.api.api_id}-{exchange.stage.name}", [line])


def _context(exchange: "Exchange", reply: Response) -> dict[str, str]:
    request = exchange.request
    return {
        "requestId": exchange.request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(exchange.started)),
        "identity.sourceIp": exchange.source_ip,
        "identity.userAgent": request.headers.get("User-Agent", "-").replace('"', ""),
        "httpMethod": request.method,
        "path": exchange.path,
        "protocol": "HTTP/1.1",
        "routeKey": exchange.route.route_key if exchange.route else "-",
        "status": str(reply.status_code),
        "responseLength": str(len(reply.get_data())),
        "responseLatency": str(int((time.time() - exchange.started) * 1000)),
        "integrationErrorMessage": exchange.integration_error.replace('"', "'"),
    }
