"""What Cognito has and moto does not: rules that a configuration can break, and two operations."""

from typing import Any

from moto.cognitoidp.exceptions import InvalidParameterException
from moto.cognitoidp.models import CognitoIdpBackend, CognitoIdpUserPoolClient, CognitoIdpUserPoolDomain
from moto.cognitoidp.responses import CognitoIdpResponse
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, EmptyResult

from .oauth import scopes_of

# Scopes that Cognito has by itself.
STANDARD_SCOPES = {"openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"}


class ScopeDoesNotExist(JsonRESTError):
    def __init__(self, scope: str) -> None:
        super().__init__("ScopeDoesNotExistException", f"The specified scope {scope} does not exist.")


def install() -> None:
    _complete_resource_servers()
    _complete_tags()
    _refuse_unknown_scopes()
    _protect_pools()
    describe = CognitoIdpUserPoolDomain.to_json
    CognitoIdpUserPoolDomain.to_json = lambda domain, extended=True: _complete_domain(
        domain, describe(domain, extended)
    )


def _complete_resource_servers() -> None:
    """UpdateResourceServer and DeleteResourceServer: not in moto at all."""

    def update_resource_server(response: CognitoIdpResponse) -> ActionResult:
        parameters = response.parameters
        server = response.backend.describe_resource_server(parameters["UserPoolId"], parameters["Identifier"])
        server.name, server.scopes = parameters["Name"], parameters.get("Scopes") or []
        return ActionResult({"ResourceServer": server.to_json()})

    def delete_resource_server(response: CognitoIdpResponse) -> ActionResult:
        pool_id, identifier = response.parameters["UserPoolId"], response.parameters["Identifier"]
        response.backend.describe_resource_server(pool_id, identifier)
        del response.backend.user_pools[pool_id].resource_servers[identifier]
        return EmptyResult()

    CognitoIdpResponse.update_resource_server = update_resource_server
    CognitoIdpResponse.delete_resource_server = delete_resource_server


def _complete_tags() -> None:
    """TagResource, UntagResource and ListTagsForResource of a pool: not in moto at all."""

    def tags_of(response: CognitoIdpResponse) -> dict[str, str]:
        pool = response.backend.describe_user_pool(response.parameters["ResourceArn"].split("/")[-1])
        return pool.extended_config.setdefault("UserPoolTags", {})

    def tag_resource(response: CognitoIdpResponse) -> ActionResult:
        tags_of(response).update(response.parameters["Tags"])
        return EmptyResult()

    def untag_resource(response: CognitoIdpResponse) -> ActionResult:
        for key in response.parameters["TagKeys"]:
            tags_of(response).pop(key, None)
        return EmptyResult()

    update = CognitoIdpBackend.update_user_pool

    def update_user_pool(backend: CognitoIdpBackend, user_pool_id: str, config: dict[str, Any]) -> None:
        # An update sets what it does not name back to its default; the tags it leaves alone.
        tags = backend.describe_user_pool(user_pool_id).extended_config.get("UserPoolTags") or {}
        update(backend, user_pool_id, {"UserPoolTags": tags} | config)

    CognitoIdpBackend.update_user_pool = update_user_pool
    CognitoIdpResponse.tag_resource = tag_resource
    CognitoIdpResponse.untag_resource = untag_resource
    CognitoIdpResponse.list_tags_for_resource = lambda response: ActionResult({"Tags": tags_of(response)})


def _refuse_unknown_scopes() -> None:
    """An app client is allowed scopes that exist; moto takes any."""
    create, update = CognitoIdpBackend.create_user_pool_client, CognitoIdpBackend.update_user_pool_client

    def check(backend: CognitoIdpBackend, pool_id: str, config: dict[str, Any]) -> None:
        known = scopes_of(backend.describe_user_pool(pool_id)) | STANDARD_SCOPES
        for scope in config.get("AllowedOAuthScopes") or []:
            if scope not in known:
                raise ScopeDoesNotExist(scope)

    def checked_create(
        backend: CognitoIdpBackend, user_pool_id: str, generate_secret: bool, config: dict[str, Any]
    ) -> CognitoIdpUserPoolClient:
        check(backend, user_pool_id, config)
        return create(backend, user_pool_id, generate_secret, config)

    def checked_update(
        backend: CognitoIdpBackend, user_pool_id: str, client_id: str, config: dict[str, Any]
    ) -> CognitoIdpUserPoolClient:
        check(backend, user_pool_id, config)
        return update(backend, user_pool_id, client_id, config)

    CognitoIdpBackend.create_user_pool_client = checked_create
    CognitoIdpBackend.update_user_pool_client = checked_update


def _protect_pools() -> None:
    delete = CognitoIdpBackend.delete_user_pool

    def checked_delete(backend: CognitoIdpBackend, user_pool_id: str) -> None:
        pool = backend.describe_user_pool(user_pool_id)
        if pool.extended_config.get("DeletionProtection") == "ACTIVE":
            raise InvalidParameterException(
                "The user pool cannot be deleted because deletion protection is activated. "
                "Deletion protection must be inactivated first."
            )
        if any(domain.user_pool_id == user_pool_id for domain in backend.user_pool_domains.values()):
            raise InvalidParameterException(
                "User pool cannot be deleted. It has a domain configured that should be deleted first."
            )
        delete(backend, user_pool_id)

    CognitoIdpBackend.delete_user_pool = checked_delete


def _complete_domain(domain: CognitoIdpUserPoolDomain, description: dict[str, Any]) -> dict[str, Any]:
    """moto's account id is another one each time, and the domain's certificate is not told."""
    if "UserPoolId" not in description:
        return description
    complete = description | {"AWSAccountId": DEFAULT_ACCOUNT_ID}
    if domain.custom_domain_config:
        complete["CustomDomainConfig"] = domain.custom_domain_config
    return complete
