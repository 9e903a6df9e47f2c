"""What API Gateway has and moto does not: updates, and a domain's own address."""

import hashlib
import json
from typing import Any
from urllib.parse import unquote

from moto.apigatewayv2 import urls
from moto.apigatewayv2.models import ApiGatewayV2Backend, DomainName, Stage
from moto.apigatewayv2.responses import ApiGatewayV2Response
from moto.core.responses import TYPE_RESPONSE

# UpdateStage's members and what moto calls them.
STAGE_FIELDS = {
    "accessLogSettings": "access_log_settings",
    "autoDeploy": "auto_deploy",
    "clientCertificateId": "client_certificate_id",
    "defaultRouteSettings": "default_route_settings",
    "description": "description",
    "routeSettings": "route_settings",
    "stageVariables": "stage_variables",
}
# The hosted zone of regional API endpoints in eu-west-1 (AWS General Reference); any id will do here.
HOSTED_ZONE = "ZLY8HYME6SFDD"


def install() -> None:
    ApiGatewayV2Response.update_stage = _update_stage
    ApiGatewayV2Response.update_domain_name = _update_domain_name
    _complete_tags()
    describe = DomainName.to_json
    DomainName.to_json = lambda domain: _complete_domain(describe(domain))


def _update_stage(response: ApiGatewayV2Response) -> TYPE_RESPONSE:
    """UpdateStage: not in moto at all."""
    api_id, stage_name = response.path.split("/")[-3], unquote(response.path.split("/")[-1])
    stage: Stage = response.apigatewayv2_backend.get_stage(api_id, stage_name)
    changes = json.loads(response.body)
    for member, attribute in STAGE_FIELDS.items():
        if member in changes:
            setattr(stage, attribute, changes[member])
    return 200, {}, json.dumps(stage.to_json())


def _update_domain_name(response: ApiGatewayV2Response) -> TYPE_RESPONSE:
    """UpdateDomainName: not in moto at all."""
    domain: DomainName = response.apigatewayv2_backend.get_domain_name(response.path.split("/")[-1])
    domain.domain_name_configurations = json.loads(response.body)["domainNameConfigurations"]
    return 200, {}, json.dumps(domain.to_json())


def _complete_tags() -> None:
    """moto knows the tags of an API by its ARN; those of a stage and a domain it keeps elsewhere."""
    # The ARN of either holds more slashes than moto's own patterns take.
    urls.url_paths["{0}/v2/tags/(?P<resource_arn>.+)$"] = ApiGatewayV2Response.dispatch
    tag, untag = ApiGatewayV2Backend.tag_resource, ApiGatewayV2Backend.untag_resource
    read = ApiGatewayV2Backend.get_tags

    def tags_of(backend: ApiGatewayV2Backend, arn: str) -> dict[str, str] | None:
        match arn.partition("::/")[2].split("/"):
            case ["apis", api_id, "stages", stage]:
                return backend.get_stage(api_id, stage).tags
            case ["domainnames", name]:
                return backend.get_domain_name(name).tags
        return None

    def tag_resource(backend: ApiGatewayV2Backend, arn: str, tags: dict[str, str]) -> None:
        known = tags_of(backend, arn)
        if known is None:
            tag(backend, arn, tags)
        else:
            known.update(tags)

    def untag_resource(backend: ApiGatewayV2Backend, arn: str, keys: list[str]) -> None:
        known = tags_of(backend, arn)
        if known is None:
            untag(backend, arn, keys)
        else:
            for key in keys:
                known.pop(key, None)

    def get_tags(backend: ApiGatewayV2Backend, arn: str) -> dict[str, str]:
        known = tags_of(backend, arn)
        return read(backend, arn) if known is None else known

    ApiGatewayV2Backend.tag_resource = tag_resource
    ApiGatewayV2Backend.untag_resource = untag_resource
    ApiGatewayV2Backend.get_tags = get_tags


def _complete_domain(description: dict[str, Any]) -> dict[str, Any]:
    """The address behind the name, and its state; no mutual TLS where none was asked for."""
    name = description["domainName"]
    regional = f"d-{hashlib.sha256(name.encode()).hexdigest()[:10]}.execute-api.eu-west-1.amazonaws.com"
    state = {"apiGatewayDomainName": regional, "domainNameStatus": "AVAILABLE", "hostedZoneId": HOSTED_ZONE}
    configurations = [one | state for one in description["domainNameConfigurations"]]
    complete = description | {"domainNameConfigurations": configurations}
    if not complete["mutualTlsAuthentication"]:
        del complete["mutualTlsAuthentication"]
    return complete
