"""The secrets of app clients: AddUserPoolClientSecret, ListUserPoolClientSecrets, DeleteUserPoolClientSecret; not in moto at all.

What the service's own model (boto3's) does not say is marked as assumed.
"""

import hmac
import re
import secrets
import threading
import time
from dataclasses import dataclass, field

from moto.cognitoidp.exceptions import InvalidParameterException, ResourceNotFoundError
from moto.cognitoidp.models import CognitoIdpUserPoolClient
from moto.cognitoidp.responses import CognitoIdpResponse
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, EmptyResult

MOST = 2
OWN_VALUE = re.compile(r"[\w+]{24,64}")


class LimitExceeded(JsonRESTError):
    code = 400

    def __init__(self) -> None:
        super().__init__("LimitExceededException", f"An app client can have at most {MOST} secrets.")


@dataclass
class Secret:
    value: str
    created: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: secrets.token_hex(16))

    def descriptor(self) -> dict:
        return {"ClientSecretId": self.id, "ClientSecretCreateDate": self.created}


class ClientSecrets:
    """The active secrets of each app client; the oldest first."""

    def __init__(self) -> None:
        self._of: dict[str, list[Secret]] = {}
        self._lock = threading.RLock()

    def active(self, client: CognitoIdpUserPoolClient) -> list[Secret]:
        with self._lock:
            if client.id not in self._of:
                self._of[client.id] = [Secret(client.secret)] if client.generate_secret else []
            return list(self._of[client.id])

    def accepts(self, client: CognitoIdpUserPoolClient, value: str) -> bool:
        return any(hmac.compare_digest(one.value.encode(), value.encode()) for one in self.active(client))

    def add(self, client: CognitoIdpUserPoolClient, value: str) -> Secret:
        with self._lock:
            known = self.active(client)
            if not known:
                # Assumed: "an existing confidential app client", says the model.
                raise InvalidParameterException("The app client has no secret.")
            if len(known) >= MOST:
                raise LimitExceeded
            self._of[client.id] = [*known, Secret(value)]
            return self._of[client.id][-1]

    def delete(self, client: CognitoIdpUserPoolClient, secret_id: str) -> None:
        with self._lock:
            known = self.active(client)
            if secret_id not in [one.id for one in known]:
                raise ResourceNotFoundError(f"Client secret {secret_id} does not exist.")
            if len(known) == 1:
                # Assumed: the model says that it cannot be, and not by which error.
                raise InvalidParameterException("The last remaining client secret cannot be deleted.")
            self._of[client.id] = [one for one in known if one.id != secret_id]

    def install(self) -> None:
        def client_of(response: CognitoIdpResponse) -> CognitoIdpUserPoolClient:
            pool_id, client_id = response.parameters["UserPoolId"], response.parameters["ClientId"]
            return response.backend.describe_user_pool_client(pool_id, client_id)

        def add(response: CognitoIdpResponse) -> ActionResult:
            client, own = client_of(response), response.parameters.get("ClientSecret")
            if own is not None and not OWN_VALUE.fullmatch(own):
                raise InvalidParameterException("ClientSecret must be 24 to 64 characters of [\\w+].")
            secret = self.add(client, own or secrets.token_hex(26))
            # A value that the caller brought is not told again.
            told = {} if own else {"ClientSecretValue": secret.value}
            return ActionResult({"ClientSecretDescriptor": secret.descriptor() | told})

        def list_all(response: CognitoIdpResponse) -> ActionResult:
            return ActionResult({"ClientSecrets": [one.descriptor() for one in self.active(client_of(response))]})

        def delete(response: CognitoIdpResponse) -> EmptyResult:
            self.delete(client_of(response), response.parameters["ClientSecretId"])
            return EmptyResult()

        CognitoIdpResponse.add_user_pool_client_secret = add
        CognitoIdpResponse.list_user_pool_client_secrets = list_all
        CognitoIdpResponse.delete_user_pool_client_secret = delete
        self._hide_deleted()

    def _hide_deleted(self) -> None:
        """DescribeUserPoolClient tells the secret that the client was made with, as long as it is active."""
        describe = CognitoIdpUserPoolClient.to_json

        def complete(client: CognitoIdpUserPoolClient, extended: bool = False) -> dict:
            description = describe(client, extended)
            if "ClientSecret" in description and not self.accepts(client, client.secret):
                del description["ClientSecret"]
            return description

        CognitoIdpUserPoolClient.to_json = complete
