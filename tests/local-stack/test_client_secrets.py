"""AddUserPoolClientSecret, ListUserPoolClientSecrets and DeleteUserPoolClientSecret, by boto3."""

import datetime

import boto3
import pytest
import requests


@pytest.fixture
def client(stack):
    """An app client that was just made, with its calls."""
    return AppClient(stack, stack.server())


class AppClient:
    def __init__(self, stack, server: dict) -> None:
        self.stack, self.server = stack, server
        self.cognito = stack.admin("cognito-idp")
        self.names = {"UserPoolId": stack.ready["user_pool_id"], "ClientId": server["client_id"]}

    def add(self, **own) -> dict:
        return self.cognito.add_user_pool_client_secret(**self.names, **own)["ClientSecretDescriptor"]

    def list(self) -> list[dict]:
        return self.cognito.list_user_pool_client_secrets(**self.names)["ClientSecrets"]

    def delete(self, secret_id: str) -> None:
        self.cognito.delete_user_pool_client_secret(**self.names, ClientSecretId=secret_id)

    def accepts(self, secret: str) -> bool:
        answer = requests.post(
            self.stack.ready["token_endpoint"],
            auth=(self.server["client_id"], secret),
            data={"grant_type": "client_credentials"},
        )
        assert answer.status_code == 200 or answer.json() == {"error": "invalid_client"}
        return answer.ok


def test_a_rotation(client):
    (first,) = client.list()
    assert set(first) == {"ClientSecretId", "ClientSecretCreateDate"}
    assert isinstance(first["ClientSecretCreateDate"], datetime.datetime)
    second = client.add()
    assert set(second) == {"ClientSecretId", "ClientSecretCreateDate", "ClientSecretValue"}
    assert 24 <= len(second["ClientSecretValue"]) <= 64
    assert [one["ClientSecretId"] for one in client.list()] == [first["ClientSecretId"], second["ClientSecretId"]]
    assert not any("ClientSecretValue" in one for one in client.list())
    assert client.accepts(client.server["client_secret"]) and client.accepts(second["ClientSecretValue"])
    described = client.cognito.describe_user_pool_client(**client.names)["UserPoolClient"]
    assert described["ClientSecret"] == client.server["client_secret"]
    client.delete(first["ClientSecretId"])
    assert not client.accepts(client.server["client_secret"]) and client.accepts(second["ClientSecretValue"])
    assert "ClientSecret" not in client.cognito.describe_user_pool_client(**client.names)["UserPoolClient"]


def test_a_value_of_ones_own_is_not_told_again(client):
    value = "own" * 8
    assert "ClientSecretValue" not in client.add(ClientSecret=value)
    assert client.accepts(value)


@pytest.mark.parametrize("value", ["a" * 23, "a" * 65, "", "a" * 24 + "-", "a b" * 10])
def test_a_value_out_of_bounds(client, refused, value):
    refused(lambda: client.add(ClientSecret=value), "InvalidParameterException", 400)
    assert len(client.list()) == 1


def test_two_at_most_and_one_at_least(client, refused):
    (first,) = client.list()
    message = refused(lambda: client.delete(first["ClientSecretId"]), "InvalidParameterException", 400)
    assert "last" in message
    client.add()
    refused(client.add, "LimitExceededException", 400)
    refused(lambda: client.delete("no-such-secret"), "ResourceNotFoundException", 400)
    assert client.accepts(client.server["client_secret"])


def test_who_has_no_secret_gets_none(stack, refused):
    pool_id = stack.ready["user_pool_id"]
    cognito = stack.admin("cognito-idp")
    public = cognito.create_user_pool_client(UserPoolId=pool_id, ClientName="public")["UserPoolClient"]["ClientId"]
    assert cognito.list_user_pool_client_secrets(UserPoolId=pool_id, ClientId=public)["ClientSecrets"] == []
    refused(
        lambda: cognito.add_user_pool_client_secret(UserPoolId=pool_id, ClientId=public), "InvalidParameterException"
    )
    for call in (cognito.add_user_pool_client_secret, cognito.list_user_pool_client_secrets):
        refused(lambda call=call: call(UserPoolId=pool_id, ClientId="nobody"), "ResourceNotFoundException")


def test_only_the_administrator_may(stack, client):
    cognito = stack.as_lambda("cognito-idp")
    with pytest.raises(boto3.exceptions.botocore.exceptions.ClientError) as raised:
        cognito.add_user_pool_client_secret(**client.names)
    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
    assert len(client.list()) == 1
