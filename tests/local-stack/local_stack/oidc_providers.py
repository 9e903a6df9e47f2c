"""IAM's two operations on the client ids of an OIDC provider, which moto lacks."""

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import LimitExceededException
from moto.iam.responses import IamResponse

# IAM quota "OpenID Connect client IDs per provider".
MOST_CLIENT_IDS = 100


def install() -> None:
    def add_client_id_to_open_id_connect_provider(handler: IamResponse) -> ActionResult:
        provider = handler.backend.get_open_id_connect_provider(handler._get_param("OpenIDConnectProviderArn"))
        client_id = handler._get_param("ClientID")
        # The operation is idempotent: a client id that is there stays, once.
        if client_id not in provider.client_id_list:
            if len(provider.client_id_list) >= MOST_CLIENT_IDS:
                raise LimitExceededException(
                    f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {MOST_CLIENT_IDS}"
                )
            provider.client_id_list.append(client_id)
        return EmptyResult()

    def remove_client_id_from_open_id_connect_provider(handler: IamResponse) -> ActionResult:
        provider = handler.backend.get_open_id_connect_provider(handler._get_param("OpenIDConnectProviderArn"))
        client_id = handler._get_param("ClientID")
        if client_id in provider.client_id_list:
            provider.client_id_list.remove(client_id)
        return EmptyResult()

    IamResponse.add_client_id_to_open_id_connect_provider = add_client_id_to_open_id_connect_provider
    IamResponse.remove_client_id_from_open_id_connect_provider = remove_client_id_from_open_id_connect_provider
