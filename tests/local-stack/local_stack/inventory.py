"""Everything that exists in the account, by service: for "destroy leaves nothing". Only what is there is listed."""

import json

from moto.acm.models import acm_backends
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.athena.models import athena_backends
from moto.awslambda.models import lambda_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.cognitoidp.models import cognitoidp_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.base_backend import BackendDict
from moto.dynamodb.models import dynamodb_backends
from moto.glue.models import glue_backends
from moto.iam.models import IAMBackend, iam_backends
from moto.kms.models import Key, kms_backends
from moto.lakeformation.models import lakeformation_backends
from moto.logs.models import logs_backends
from moto.route53.models import route53_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.wafv2.models import wafv2_backends


def inventory() -> dict[str, list[str]]:
    """Kind -> names, both sorted; a kind of which there is nothing has an empty list."""
    iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    things = _identity(iam) | _cognito() | _data() | _lake() | _compute() | _operations()
    return {kind: sorted(names) for kind, names in sorted(things.items())}


def _identity(iam: IAMBackend) -> dict[str, list[str]]:
    roles = list(iam.roles.values())
    return {
        "iam_users": list(iam.users),
        "roles": [role.name for role in roles],
        "role_policies": [f"{role.name}/{name}" for role in roles for name in role.policies],
        "policies": [one.arn for one in iam.managed_policies.values() if f"::{DEFAULT_ACCOUNT_ID}:" in one.arn],
        "oidc_providers": [provider.url for provider in iam.open_id_providers.values()],
    }


def _cognito() -> dict[str, list[str]]:
    backends = _all(cognitoidp_backends)
    pools = [pool for backend in backends for pool in backend.user_pools.values()]
    return {
        "user_pools": [pool.name for pool in pools],
        "user_pool_domains": [domain for backend in backends for domain in backend.user_pool_domains],
        "user_pool_clients": [
            client.extended_config["ClientName"] for pool in pools for client in pool.clients.values()
        ],
        "resource_servers": [identifier for pool in pools for identifier in pool.resource_servers],
    }


def _data() -> dict[str, list[str]]:
    tables = [table for backend in _all(dynamodb_backends) for table in backend.tables.values()]
    buckets = list(s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.values())
    # What AWS keeps for its services (`aws/dynamodb`) stays, and costs nothing.
    keys = [key for backend in _all(kms_backends) for key in backend.keys.values() if not _belongs_to_aws(key)]
    return {
        "tables": [table.name for table in tables],
        "table_items": [f"{table.name}/{item.hash_key.value}" for table in tables for item in table.all_items()],
        "buckets": [bucket.name for bucket in buckets],
        "objects": [f"{bucket.name}/{key}" for bucket in buckets for key in bucket.keys],
        # A key cannot be deleted at once, so one that waits for its deletion is as good as gone.
        "kms_keys": [key.id for key in keys if key.key_state != "PendingDeletion" and key.key_manager == "CUSTOMER"],
        # AWS's own keys come by themselves with what is encrypted, and nobody can delete them.
        "kms_aliases": [
            alias.alias_name
            for backend in _all(kms_backends)
            for alias in backend.list_aliases()
            if not alias.alias_name.startswith("alias/aws/")
        ],
        "secrets": [name for backend in _all(secretsmanager_backends) for name in backend.secrets],
    }


def _lake() -> dict[str, list[str]]:
    databases = [database for backend in _all(glue_backends) for database in backend.databases.values()]
    grants = [
        grant
        for backend in _all(lakeformation_backends)
        for catalog in backend.grants.values()
        for grant in catalog.permissions
    ]
    return {
        # `primary` comes with the account, and nobody can delete it.
        "work_groups": [name for backend in _all(athena_backends) for name in backend.work_groups if name != "primary"],
        "databases": [database.name for database in databases],
        "catalogue_tables": [f"{database.name}/{table}" for database in databases for table in database.tables],
        "lake_formation_grants": [
            f"{grant.principal.get('DataLakePrincipalIdentifier')} on {json.dumps(grant.resource, sort_keys=True)}"
            for grant in grants
        ],
        "lake_formation_locations": [arn for backend in _all(lakeformation_backends) for arn in backend.resources],
    }


def _belongs_to_aws(key: Key) -> bool:
    return any(alias.startswith("alias/aws/") for alias in key.aliases)


def _compute() -> dict[str, list[str]]:
    apis = [api for backend in _all(apigatewayv2_backends) for api in backend.apis.values()]
    return {
        "functions": [one.function_name for backend in _all(lambda_backends) for one in backend.list_functions()],
        "http_apis": [api.name for api in apis],
        "http_api_routes": [f"{api.name} {route.route_key}" for api in apis for route in api.routes.values()],
        "http_api_stages": [f"{api.name}/{stage}" for api in apis for stage in api.stages],
        "http_api_domains": [name for backend in _all(apigatewayv2_backends) for name in backend.domain_names],
        "certificates": [arn for backend in _all(acm_backends) for arn in backend._certificates],
        "dns_records": [
            f"{record.name} {record.type}"
            for backend in _all(route53_backends)
            for zone in backend.zones.values()
            for record in zone.rrsets
        ],
        "web_acls": [acl.name for backend in _all(wafv2_backends) for acl in backend.wacls.values()],
    }


def _operations() -> dict[str, list[str]]:
    return {
        "log_groups": [name for backend in _all(logs_backends) for name in backend.groups],
        "alarms": [name for backend in _all(cloudwatch_backends) for name in backend.alarms],
        "dashboards": [name for backend in _all(cloudwatch_backends) for name in backend.dashboards],
        "topics": [arn for backend in _all(sns_backends) for arn in backend.topics],
    }


def _all(backends: BackendDict) -> list:
    return list(backends[DEFAULT_ACCOUNT_ID].values())
