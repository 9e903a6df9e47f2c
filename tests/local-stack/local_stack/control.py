"""The routes under /local-stack/: how a test sets the scene and looks behind it."""

import re
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Request

from . import session_control
from .athena.control import AthenaControl
from .faults import InvalidFault
from .functions import UnknownFunction
from .inventory import inventory
from .log_groups import put_events
from .query_api import QueryApi
from .servers import InvalidServer, Servers, UnknownServer
from .settings import InvalidSetting

if TYPE_CHECKING:
    from .app import Application

Result = tuple[int, dict]


class EmptyStack(Exception):
    """The route needs what an empty stack does not have."""


class Control:
    """One method a route; a wrong request is answered with the field that is wrong."""

    def __init__(self, stack: "Application") -> None:
        self._stack = stack
        # These come with the seed, which itself needs a stack that answers; an empty stack never has them.
        self.seeded: Servers | None = None
        self.query_api: QueryApi | None = None
        self.pool_id = ""
        self._one_at_a_time = threading.Lock()
        self._athena = AthenaControl(stack.athena)

    def answer(self, request: Request) -> Result:
        if request.path.startswith("/local-stack/idp/"):
            path = request.path.removeprefix("/local-stack/idp/")
            return self._stack.identity_providers.control(path, request)
        for method, pattern, route in self._routes():
            match = re.fullmatch(pattern, request.path.removeprefix("/local-stack"))
            if match and method == request.method:
                return self._run(route, request, match.groups())
        return 404, {"error": f"{request.method} {request.path}: no such control route (tests/local-stack/README.md)"}

    def _routes(self) -> list[tuple]:
        return [
            ("POST", "/servers", self._create_server),
            ("PATCH", "/servers/([^/]+)", self._change_server),
            ("DELETE", "/servers/([^/]+)", self._delete_server),
            ("POST", "/servers/([^/]+)/secrets", self._add_secret),
            ("DELETE", "/servers/([^/]+)/secrets", self._drop_first_secret),
            ("POST", "/rotate-key", self._rotate_key),
            ("POST", "/issuers", self._register_issuer),
            ("POST", "/settings", self._change_settings),
            ("GET", "/settings", lambda _: (200, asdict(self._stack.settings))),
            ("GET", "/functions/([^/]+)/log", self._function_log),
            ("POST", "/logs", self._put_log),
            ("GET", "/inventory", lambda _: (200, inventory())),
            ("GET", "/requests", lambda _: (200, self._stack.log.snapshot())),
            ("DELETE", "/requests", self._clear_requests),
            ("POST", "/sessions", self._create_sessions),
            ("POST", "/permissions", lambda one: (200, session_control.permissions(self._stack.sessions, _json(one)))),
            ("POST", "/faults", lambda request: (200, asdict(self._stack.faults.order(_json(request))))),
            ("DELETE", "/faults", self._clear_faults),
            ("POST", "/query-api", lambda _: self._create_for_queries(200, QueryApi.create)),
            ("POST", "/query-clients", lambda one: self._create_for_queries(201, QueryApi.create_client, _json(one))),
            ("POST", "/query-workgroups", lambda one: self._create_for_queries(201, QueryApi.create_workgroup, _json(one))),
            *self._athena.routes(),
        ]

    def _run(self, route: object, request: Request, names: tuple) -> Result:
        try:
            return route(request, *names)
        except (InvalidFault, InvalidServer, InvalidSetting, BadRequest) as error:
            return 400, {"error": str(error)}
        except (UnknownFunction, UnknownServer) as error:
            return 404, {"error": str(error)}
        except EmptyStack as error:
            return 409, {"error": str(error)}

    @property
    def servers(self) -> Servers:
        if self.seeded is None:
            raise EmptyStack("this stack was started with --empty: it has no pool, table and role to register with")
        return self.seeded

    def _create_for_queries(self, status: int, create: Callable[..., dict], *order: dict) -> Result:
        if self.query_api is None:
            raise EmptyStack("this stack was started with --empty: it has no pool to register query clients in")
        # boto3 cannot make clients in several threads at a time.
        with self._one_at_a_time:
            return status, create(self.query_api, *order)

    def _create_server(self, request: Request) -> Result:
        return 201, self.servers.create(_json(request))

    def _change_server(self, request: Request, name: str) -> Result:
        return 200, self.servers.change(name, _json(request))

    def _delete_server(self, _: Request, name: str) -> Result:
        self.servers.delete(name)
        return 200, {}

    def _create_sessions(self, request: Request) -> Result:
        return 201, session_control.create(self._stack.sessions, _json(request))

    def _add_secret(self, _: Request, name: str) -> Result:
        return 201, {"client_secret": self.servers.add_secret(name)}

    def _drop_first_secret(self, _: Request, name: str) -> Result:
        self.servers.drop_first_secret(name)
        return 200, {}

    def _rotate_key(self, request: Request) -> Result:
        pool_id = request.args.get("pool") or self.pool_id
        if not pool_id:
            raise EmptyStack("this stack was started with --empty: say which pool, ?pool=ID")
        if request.args.get("withdraw") == "true":
            self._stack.keys.withdraw_old(pool_id)
        else:
            self._stack.keys.rotate(pool_id)
        return 200, {
            "kid": self._stack.keys.signing(pool_id).key_id,
            "published": [key["kid"] for key in self._stack.keys.jwks(pool_id)["keys"]],
        }

    def _register_issuer(self, request: Request) -> Result:
        fields = _json(request)
        if set(fields) - {"jwks", "jwks_uri"} != {"issuer", "audiences"}:
            raise BadRequest("an issuer has issuer, audiences, and jwks or jwks_uri (neither: OpenID discovery)")
        arn = self.servers.create_oidc_provider(fields["issuer"], fields["audiences"])
        self._stack.web_identities.register(fields["issuer"], fields)
        return 201, {"provider_arn": arn}

    def _change_settings(self, request: Request) -> Result:
        return 200, self._stack.settings.change(_json(request))

    def _function_log(self, _: Request, name: str) -> Result:
        return 200, {"log": self._stack.functions.log(name)}

    def _put_log(self, request: Request) -> Result:
        fields = _json(request)
        if set(fields) != {"group", "events"}:
            raise BadRequest("a log has group and events ([[milliseconds, line], …])")
        put_events(self._stack.region, fields["group"], "test", [(written, line) for written, line in fields["events"]])
        return 201, {"events": len(fields["events"])}

    def _clear_requests(self, _: Request) -> Result:
        self._stack.log.clear()
        return 200, {}

    def _clear_faults(self, _: Request) -> Result:
        self._stack.faults.clear()
        return 200, {}


def _json(request: Request) -> dict:
    fields = request.get_json(force=True)
    if not isinstance(fields, dict):
        raise BadRequest("the body must be a JSON object")
    return fields
