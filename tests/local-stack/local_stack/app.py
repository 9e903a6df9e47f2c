"""The WSGI application: names each request, lets faults have it, passes it to its endpoint or to moto, and logs it."""

import json
import re
import time
from collections.abc import Callable, Iterable

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request
from werkzeug.wsgi import get_input_stream

from . import (
    api_gateway_gaps,
    authorization,
    cloudformation_gaps,
    cognito_gaps,
    inline_policies,
    lake_formation_gaps,
    moto_gaps,
    oidc_providers,
    secret_access,
    sts,
)
from .athena.api import Athena
from .control import Control
from .faults import GARBAGE, Fault, Faults
from .functions import Functions
from .http_api import HttpApi
from .idp import IdentityProviders
from .internet import PREFIX, Internet
from .oauth import TokenEndpoint
from .operation import Call, describe
from .request_log import RequestLog
from .service_sessions import ServiceSessions
from .sessions import Sessions
from .settings import Settings
from .signing_keys import SigningKeys
from .web_identity import WebIdentities

# The stack's own calls (seeding, the control routes) carry this in User-Agent: no test counts or breaks them.
OWN_USER_AGENT = "local-stack-itself"
ERROR_CODE = re.compile(rb"<Code>([^<]+)</Code>|\"__type\":\s*\"(?:[^\"#]*#)?([^\"]+)\"")
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}

Headers = list[tuple[str, str]]
Reply = tuple[str, Headers, bytes]


class Application:
    """All state of a running stack hangs on this object."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.settings = Settings()
        self.keys = SigningKeys()
        self.sessions = Sessions()
        self.log = RequestLog()
        self.faults = Faults()
        self.tokens = TokenEndpoint(region, self.keys, self.settings)
        self.identity_providers = IdentityProviders(self.keys, self.settings)
        self.web_identities = WebIdentities(self.keys, self.identity_providers)
        self.functions = Functions(ServiceSessions(self.sessions))
        self.internet = Internet(
            region, self.keys, self.tokens, HttpApi(self.functions), self.identity_providers
        )
        self.athena = Athena(self.settings)
        self.control = Control(self)
        self._moto = DomainDispatcherApplication(create_backend_app)
        authorization.install(self.sessions, self.settings)
        sts.install(self.sessions, self.settings, self.web_identities)
        moto_gaps.install(self.functions)
        api_gateway_gaps.install()
        cognito_gaps.install()
        self.tokens.secrets.install()
        lake_formation_gaps.install()
        oidc_providers.install()
        cloudformation_gaps.install()
        secret_access.install()
        inline_policies.install()
        self.athena.install()

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        outside = path.startswith(PREFIX)
        if path.startswith("/local-stack/") and not outside:
            status, body = self.control.answer(Request(environ))
            return _send(start_response, _json_reply(status, body))
        call = self.internet.describe(Request(environ)) if outside else describe(environ)
        if OWN_USER_AGENT in environ.get("HTTP_USER_AGENT", ""):
            return self._moto(environ, start_response)
        fault = self.faults.take(call.api)
        reply = self._faulty_reply(fault, call, environ) if fault else self._reply(call, environ)
        self.log.add(call, int(reply[0].split()[0]))
        body = reply[2]
        if fault and fault.kind == "cut":
            # Content-Length promises the whole; the server closes after half of it.
            body = body[: len(body) // 2]
        start_response(reply[0], reply[1])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _faulty_reply(self, fault: Fault, call: Call, environ: dict) -> Reply:
        call.detail["fault"] = fault.kind
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault.kind in ("slow", "cut"):
            return self._reply(call, environ)
        _read_all(environ)
        if fault.kind == "garbage":
            return "200 OK", [("Content-Length", str(len(GARBAGE)))], GARBAGE
        headers, body = fault.error_answer(call, target="HTTP_X_AMZ_TARGET" in environ)
        return f"{fault.status} Fault", [*headers, ("Content-Length", str(len(body)))], body

    def _reply(self, call: Call, environ: dict) -> Reply:
        if environ["PATH_INFO"].startswith(PREFIX):
            reply = self.internet.answer(Request(environ), call)
            return reply.status, list(reply.get_wsgi_headers(environ)), reply.get_data()
        pool_id = environ["PATH_INFO"].split("/")[1]
        if call.api == "cognito:token":
            answer = self.tokens.answer(Request(environ))
            call.detail |= answer.detail
            return _json_reply(answer.status, answer.body)
        if call.api == "jwks":
            return _json_reply(200, self.keys.jwks(pool_id))
        if call.api == "openid-configuration":
            return _json_reply(200, self._openid_configuration(pool_id, environ["HTTP_HOST"]))
        return self._moto_reply(call, environ)

    def _moto_reply(self, call: Call, environ: dict) -> Reply:
        started: list = []
        try:
            parts = self._moto(environ, lambda status, headers, *_: started.extend((status, headers)))
        except NotImplementedError as error:
            # 501 and not 500: SDKs would try a 500 again, for minutes.
            return _json_reply(501, {"__type": "NotImplemented", "message": f"moto: {error}"})
        body = b"".join(parts)
        getattr(parts, "close", lambda: None)()
        if call.api.startswith("lambda:DELETE"):
            self.functions.stop_deleted()
        status, headers = started
        if status[0] in "45":
            code = ERROR_CODE.search(body)
            if code:
                call.detail["error"] = (code[1] or code[2]).decode()
        return status, headers, body

    def _openid_configuration(self, pool_id: str, host: str) -> dict:
        return {
            "issuer": f"https://cognito-idp.{self.region}.amazonaws.com/{pool_id}",
            "jwks_uri": f"http://{host}/{pool_id}/.well-known/jwks.json",
            "token_endpoint": f"http://{host}/oauth2/token",
            "id_token_signing_alg_values_supported": ["RS256"],
        }


def _read_all(environ: dict) -> None:
    # A request left unread would be answered with a reset instead of the fault.
    stream = get_input_stream(environ)
    while stream.read(1 << 16):
        pass


def _json_reply(status: int, body: dict) -> Reply:
    text = json.dumps(body).encode()
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Content-Length", str(len(text)))]
    return f"{status} {REASONS.get(status, 'Answer')}", headers, text


def _send(start_response: Callable, reply: Reply) -> list[bytes]:
    start_response(reply[0], reply[1])
    return [reply[2]]
