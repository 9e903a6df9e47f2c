"""CloudFormation for `cloudformation/query-api/`: nested stacks, and types of resources that the service's own API makes.

CloudFormation's properties have the names of the API's parameters, but for those that a type renames here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.model import Shape
from moto.cloudformation import models as cloudformation, parsing
from moto.cloudformation.models import Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult
from moto.utilities.utils import get_partition

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Kind:
    """How a type is made and removed. `identify` takes the answer and the parameters, and gives what `Ref` gives."""

    service: str
    create: str
    delete: str
    identify: Callable[[dict, dict], str]
    # The parameters of the removal, from those of the creation and what `Ref` gives.
    removal: Callable[[dict, str], dict]
    renamed: dict[str, str] = field(default_factory=dict)
    attributes: Callable[[dict], dict] = field(default=lambda _: {})


KINDS = {
    "AWS::Cognito::UserPool": Kind(
        "cognito-idp",
        "create_user_pool",
        "delete_user_pool",
        lambda answer, _: answer["UserPool"]["Id"],
        lambda _, pool: {"UserPoolId": pool},
        renamed={"UserPoolName": "PoolName"},
        attributes=lambda answer: {"Arn": answer["UserPool"]["Arn"]},
    ),
    "AWS::Cognito::UserPoolDomain": Kind(
        "cognito-idp",
        "create_user_pool_domain",
        "delete_user_pool_domain",
        lambda _, parameters: parameters["Domain"],
        lambda parameters, _: {name: parameters[name] for name in ("Domain", "UserPoolId")},
    ),
    "AWS::Cognito::UserPoolResourceServer": Kind(
        "cognito-idp",
        "create_resource_server",
        "delete_resource_server",
        lambda _, parameters: parameters["Identifier"],
        lambda parameters, _: {name: parameters[name] for name in ("Identifier", "UserPoolId")},
    ),
    "AWS::Cognito::UserPoolClient": Kind(
        "cognito-idp",
        "create_user_pool_client",
        "delete_user_pool_client",
        lambda answer, _: answer["UserPoolClient"]["ClientId"],
        lambda parameters, client: {"UserPoolId": parameters["UserPoolId"], "ClientId": client},
    ),
    "AWS::Athena::WorkGroup": Kind(
        "athena",
        "create_work_group",
        "delete_work_group",
        lambda _, parameters: parameters["Name"],
        lambda parameters, _: {"WorkGroup": parameters["Name"], "RecursiveDeleteOption": True},
        renamed={"WorkGroupConfiguration": "Configuration"},
    ),
    "AWS::LakeFormation::PrincipalPermissions": Kind(
        "lakeformation",
        "grant_permissions",
        "revoke_permissions",
        lambda _, parameters: json.dumps(parameters, sort_keys=True),
        lambda parameters, _: parameters,
    ),
    "AWS::LakeFormation::Tag": Kind(
        "lakeformation",
        "create_lf_tag",
        "delete_lf_tag",
        lambda _, parameters: parameters["TagKey"],
        lambda parameters, _: {name: parameters[name] for name in ("CatalogId", "TagKey")},
    ),
    "AWS::LakeFormation::TagAssociation": Kind(
        "lakeformation",
        "add_lf_tags_to_resource",
        "remove_lf_tags_from_resource",
        lambda _, parameters: json.dumps(parameters, sort_keys=True),
        lambda parameters, _: parameters,
    ),
    "AWS::ApiGatewayV2::Api": Kind(
        "apigatewayv2",
        "create_api",
        "delete_api",
        lambda answer, _: answer["ApiId"],
        lambda _, api: {"ApiId": api},
        attributes=lambda answer: {"ApiEndpoint": answer["ApiEndpoint"]},
    ),
    "AWS::ApiGatewayV2::Integration": Kind(
        "apigatewayv2",
        "create_integration",
        "delete_integration",
        lambda answer, _: answer["IntegrationId"],
        lambda parameters, integration: {"ApiId": parameters["ApiId"], "IntegrationId": integration},
    ),
    "AWS::ApiGatewayV2::Route": Kind(
        "apigatewayv2",
        "create_route",
        "delete_route",
        lambda answer, _: answer["RouteId"],
        lambda parameters, route: {"ApiId": parameters["ApiId"], "RouteId": route},
    ),
    "AWS::ApiGatewayV2::Stage": Kind(
        "apigatewayv2",
        "create_stage",
        "delete_stage",
        lambda _, parameters: parameters["StageName"],
        lambda parameters, stage: {"ApiId": parameters["ApiId"], "StageName": stage},
    ),
    "AWS::CloudWatch::Alarm": Kind(
        "cloudwatch",
        "put_metric_alarm",
        "delete_alarms",
        lambda _, parameters: parameters["AlarmName"],
        lambda _, alarm: {"AlarmNames": [alarm]},
    ),
}


def install(client: Client) -> None:
    """`client` gives boto3's client of a service, of the account's administrator."""
    models = parsing.get_model_map()
    for name, kind in KINDS.items():
        models[name] = _model(name, kind, client)
    Stack.update_from_cloudformation_json = classmethod(_update_nested_stack)
    Stack.get_cfn_attribute = _output_of
    cloudformation.ChangeSet.apply = _apply
    CloudFormationResponse.update_termination_protection = _update_termination_protection
    differs = CloudFormationResponse._validate_different_update

    def for_updates_alone(response: CloudFormationResponse, *arguments: Any) -> None:
        """A change set without changes is made, and its status says so; only UpdateStack refuses."""
        if response._get_action() == "UpdateStack":
            differs(response, *arguments)

    CloudFormationResponse._validate_different_update = for_updates_alone
    # The AWS CLI makes the URL from its endpoint, and moto knows the path of a bucket on this name alone.
    cloudformation.get_stack_from_s3_url = lambda template_url, account_id, partition: get_stack_from_s3_url(
        template_url.replace("http://127.0.0.1", "http://localhost"), account_id, partition
    )


def _model(name: str, kind: Kind, client: Client) -> type[CloudFormationModel]:
    class Model(CloudFormationModel):
        def __init__(self, answer: dict, parameters: dict) -> None:
            self.physical_resource_id = kind.identify(answer, parameters)
            self.parameters = parameters
            self.attributes = kind.attributes(answer)

        @staticmethod
        def cloudformation_name_type() -> str:
            return ""

        @staticmethod
        def cloudformation_type() -> str:
            return name

        @classmethod
        def has_cfn_attr(cls, _: str) -> bool:
            return True

        def get_cfn_attribute(self, attribute: str) -> str:
            return self.attributes[attribute]

        @classmethod
        def create_from_cloudformation_json(cls, _: str, template: dict, *__: Any, **___: Any) -> "Model":
            caller = client(kind.service)
            named = {kind.renamed.get(property, property): value for property, value in template["Properties"].items()}
            operation = caller.meta.method_to_api_mapping[kind.create]
            parameters = _typed(caller.meta.service_model.operation_model(operation).input_shape, named)
            return cls(getattr(caller, kind.create)(**parameters), parameters)

        @classmethod
        def update_from_cloudformation_json(cls, original_resource: "Model", *_: Any, **__: Any) -> "Model":
            raise NotImplementedError(f"the local stack does not change a resource of type {name}: delete the stack")

        def delete(self, *_: Any) -> None:
            getattr(client(kind.service), kind.delete)(**kind.removal(self.parameters, self.physical_resource_id))

    return Model


def _typed(shape: Shape, value: Any) -> Any:
    """As the API takes it: a parameter of a template is a text, and some properties are CloudFormation's alone."""
    match shape.type_name:
        case "structure":
            return {name: _typed(shape.members[name], inner) for name, inner in value.items() if name in shape.members}
        case "list":
            return [_typed(shape.member, inner) for inner in value]
        case "integer" | "long":
            return int(value)
        case "double" | "float":
            return float(value)
        case "boolean":
            return value in (True, "true")
        case "string":
            return str(value)
    return value


def _update_termination_protection(response: CloudFormationResponse) -> ActionResult:
    """UpdateTerminationProtection: not in moto at all."""
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    stack.enable_termination_protection = response._get_bool_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


def _apply(change_set: cloudformation.ChangeSet) -> None:
    """moto forgets a change set's outputs and parameters."""
    stack = change_set.stack
    stack.parameters = stack.parameters | change_set.parameters
    stack.template = change_set.template
    stack._parse_template()
    stack.resource_map.update(stack.template_dict, stack.parameters)
    stack.output_map = stack._create_output_map()


def _output_of(stack: Stack, attribute: str) -> str:
    """`!GetAtt Nested.Outputs.Name`: not in moto at all."""
    name = attribute.removeprefix("Outputs.")
    return stack.output_map[name].value


def _update_nested_stack(
    _: type, original_resource: Stack, cloudformation_json: dict, account_id: str, region_name: str, **__: str
) -> Stack:
    """moto deletes a nested stack and makes another, so that its app clients would have new secrets."""
    properties = cloudformation_json["Properties"]
    template = cloudformation.get_stack_from_s3_url(properties["TemplateURL"], account_id, get_partition(region_name))
    original_resource.update(template, parameters=properties.get("Parameters", {}))
    return original_resource
