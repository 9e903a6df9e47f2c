"""CloudFormation for `cloudformation/`: what moto's has not (constraints of parameters, rules, some types of resources) or has
wrong.
"""

import json
import re
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.parsing import ResourceMap, parse_condition
from moto.core.common_models import CloudFormationModel
from moto.iam.models import Role, iam_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.utilities.utils import get_partition


def install() -> None:
    _check_parameters()
    _leave_out_no_value()
    _complete_roles()
    _show_outputs()
    _retain()


def _check_parameters() -> None:
    load, load_conditions = ResourceMap.load_parameters, ResourceMap.load_conditions

    def checked_load(resources: ResourceMap) -> None:
        # A previous value of a list is one to moto, and a text with commas to CloudFormation.
        for name, value in resources.input_parameters.items():
            if isinstance(value, list):
                resources.input_parameters[name] = ",".join(value)
        load(resources)
        for name, declared in resources._template.get("Parameters", {}).items():
            _check(name, declared, str(resources.resolved_parameters[name]))

    def checked_load_conditions(resources: ResourceMap) -> None:
        for rule in resources._template.get("Rules", {}).values():
            for assertion in rule["Assertions"]:
                if not parse_condition(assertion["Assert"], resources._parsed_resources, {}):
                    raise ValidationError(message=f"Template error: Rule failed: {assertion['AssertDescription']}")
        load_conditions(resources)

    ResourceMap.load_parameters = checked_load
    ResourceMap.load_conditions = checked_load_conditions


def _check(name: str, declared: dict, value: str) -> None:
    """The default is checked as well, as CloudFormation does."""
    pattern, allowed = declared.get("AllowedPattern"), declared.get("AllowedValues")
    fits = pattern is None or re.fullmatch(pattern, value)
    if not fits or (allowed is not None and value not in map(str, allowed)) or len(value) > declared.get("MaxLength", 4096):
        reason = declared.get("ConstraintDescription") or f"must be one of {allowed} or match {pattern}"
        raise ValidationError(message=f"Parameter '{name}' failed to satisfy constraint: {reason}")


def _leave_out_no_value() -> None:
    """`AWS::NoValue` takes an element out of a list; moto leaves a null there."""
    clean = parsing.clean_json

    def clean_json(value: Any, resources: ResourceMap) -> Any:
        cleaned = clean(value, resources)
        return [one for one in cleaned if one is not None] if isinstance(cleaned, list) else cleaned

    # moto's function calls itself by this name.
    parsing.clean_json = clean_json


def _complete_roles() -> None:
    put_policy = Role.put_policy

    def put_policy_as_text(role: Role, name: str, document: str | dict) -> None:
        put_policy(role, name, document if isinstance(document, str) else json.dumps(document))

    @classmethod
    def update(
        cls: type[Role], original_resource: Role, new_resource_name: str, cloudformation_json: dict, account_id: str, region_name: str
    ) -> Role:
        properties = cloudformation_json["Properties"]
        original_resource.assume_role_policy_document = json.dumps(properties["AssumeRolePolicyDocument"])
        original_resource.description = properties.get("Description", "")
        for policy in properties.get("Policies", []):
            original_resource.put_policy(policy["PolicyName"], policy["PolicyDocument"])
        return original_resource

    Role.put_policy = put_policy_as_text
    Role.update_from_cloudformation_json = update


def _show_outputs() -> None:
    """A stack that was made by a change set has its outputs as well."""
    execute = CloudFormationBackend.execute_change_set

    def execute_change_set(backend: CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:
        execute(backend, change_set_name, stack_name)
        stack = backend.get_stack(stack_name or backend.change_sets[change_set_name].stack_id)
        stack._parse_template()
        stack.output_map = stack._create_output_map()

    CloudFormationBackend.execute_change_set = execute_change_set


def _retain() -> None:
    """`RetainExceptOnCreate`: moto deletes what has it."""
    delete = ResourceMap.delete

    def retaining_delete(resources: ResourceMap) -> None:
        for described in resources._resource_json_map.values():
            if described.get("DeletionPolicy") == "RetainExceptOnCreate":
                described["DeletionPolicy"] = "Retain"
        delete(resources)

    ResourceMap.delete = retaining_delete


class _Resource(CloudFormationModel):
    """A resource that another backend of moto holds, by the name that `Ref` returns."""

    def __init__(self, reference: str) -> None:
        self.physical_resource_id = reference

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    def get_cfn_attribute(self, attr: str) -> str:
        return self.physical_resource_id

    def is_created(self) -> bool:
        return True

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: "_Resource", *_: object, **__: object) -> "_Resource":
        return original_resource


class OidcProvider(_Resource, CloudFormationModel):
    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::IAM::OIDCProvider"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict, account_id: str, region_name: str, **_: object
    ) -> "OidcProvider":
        properties = cloudformation_json["Properties"]
        iam = iam_backends[account_id][get_partition(region_name)]
        provider = iam.create_open_id_connect_provider(
            properties["Url"], properties.get("ThumbprintList", []), properties.get("ClientIdList", []), []
        )
        return cls(provider.arn)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: dict, account_id: str, region_name: str) -> None:
        iam_backends[account_id][get_partition(region_name)].delete_open_id_connect_provider(resource_name)


class Secret(_Resource, CloudFormationModel):
    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::Secret"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict, account_id: str, region_name: str, **_: object
    ) -> "Secret":
        properties = cloudformation_json["Properties"]
        made = secretsmanager_backends[account_id][region_name].create_secret(
            name=properties.get("Name", resource_name),
            secret_string=properties.get("SecretString"),
            secret_binary=None,
            description=properties.get("Description"),
            tags=properties.get("Tags", []),
            kms_key_id=properties.get("KmsKeyId"),
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
        return cls(json.loads(made)["ARN"])

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: dict, account_id: str, region_name: str) -> None:
        # CloudFormation leaves no recovery window (cloudformation-coverage-roadmap, issue 1999).
        secretsmanager_backends[account_id][region_name].delete_secret(resource_name, None, True)


class RotationSchedule(_Resource, CloudFormationModel):
    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::RotationSchedule"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict, account_id: str, region_name: str, **_: object
    ) -> "RotationSchedule":
        properties = cloudformation_json["Properties"]
        # moto starts a rotation for whoever sets a schedule, so it is only noted.
        secret = secretsmanager_backends[account_id][region_name].secrets[properties["SecretId"]]
        secret.rotation_lambda_arn = properties["RotationLambdaARN"]
        secret.rotation_requested = secret.rotation_enabled = True
        return cls(properties["SecretId"])

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: dict, account_id: str, region_name: str) -> None:
        secrets = secretsmanager_backends[account_id][region_name].secrets
        # The secret may be gone already: moto deletes in any order.
        if resource_name in secrets:
            secrets[resource_name].rotation_enabled = False
