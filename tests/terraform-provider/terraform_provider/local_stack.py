"""The local stack's control routes, where this provider registers everything."""

import json
import os
import urllib.error
import urllib.request

ENDPOINT = "LOCAL_STACK_ENDPOINT"
TIMEOUT_SECONDS = 30


class StackError(Exception):
    """The stack is not there, or refuses."""


class LocalStack:
    """One tenant: its routes lie under /local-stack/idp/KIND/TENANT."""

    def __init__(self, kind: str, tenant: str) -> None:
        endpoint = os.environ.get(ENDPOINT, "")
        if not endpoint:
            raise StackError(
                f"{ENDPOINT} is not set. This is the development provider of this project's tests, not the real one: "
                "it registers everything with the local stack (tests/local-stack), whose endpoint it takes from that "
                "variable. To reach a real tenant, run terraform init without the tests' TF_CLI_CONFIG_FILE."
            )
        self._base = f"{endpoint.rstrip('/')}/local-stack/idp/{kind}/{tenant}"
        # No proxy: the stack is on loopback.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def create(self, collection: str, fields: dict) -> dict:
        return self._call("POST", collection, fields)

    def read(self, collection: str, identifier: str) -> dict | None:
        """None when it is gone."""
        return self._call("GET", f"{collection}/{identifier}", absent=True)

    def find(self, collection: str, **fields: object) -> dict | None:
        found = self._call("GET", collection)["all"]
        return next((one for one in found if all(one.get(name) == value for name, value in fields.items())), None)

    def update(self, collection: str, identifier: str, fields: dict) -> dict:
        return self._call("PATCH", f"{collection}/{identifier}", fields)

    def delete(self, collection: str, identifier: str) -> None:
        self._call("DELETE", f"{collection}/{identifier}", absent=True)

    def _call(self, method: str, path: str, fields: dict | None = None, absent: bool = False) -> dict | None:
        url = f"{self._base}/{path}"
        body = None if fields is None else json.dumps(fields).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if absent and error.code == 404:
                return None
            raise StackError(f"{method} {url}: {error.code} {_message(error)}") from error
        except (OSError, ValueError) as error:
            raise StackError(f"{method} {url}: {error}; is the local stack running at that address?") from error


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return json.load(error)["error"]
    except (ValueError, KeyError, TypeError):
        return error.reason
