"""AssumeRole as STS has it. moto's own vends for roles that do not exist, asks no trust policy about tags or source
identity, honours no duration limit and forgets the session policy.
"""

import json
import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone

from moto.core.responses import ActionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Role, iam_backends
from moto.sts.responses import TokenResponse

from . import policy
from .authorization import SOURCE_FUNCTION, Caller, denied, request_context
from .aws_errors import QueryError
from .sessions import Session, Sessions
from .settings import Settings
from .web_identity import WebIdentities

# STS API reference, AssumeRole: the patterns, with \w in its ASCII sense.
NAME = (r"[\w+=,.@-]*", 2, 64)
EXTERNAL_ID = (r"[\w+=,.@:/-]*", 2, 1224)
ROLE_ARN = (r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]+", 20, 2048)
TAG_CHARACTERS = re.compile(r"[\w\s.:/=+\-@]*")
TAG_CONSTRAINT = r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]"
MAX_TAGS = 50
SHORTEST, LONGEST, CHAINED_LONGEST = 900, 43200, 3600
POLICY_CHARACTERS = 2048
# STS packs policy and tags into a binary form whose size nobody outside can compute. This stands for it: the characters
# of both together, where a policy of the largest size with the project's two tags takes about half.
PACKED_CHARACTERS = 4096


@dataclass
class Wish:
    """The parameters of AssumeRole or AssumeRoleWithWebIdentity, held to the API's own constraints."""

    role_arn: str
    session_name: str
    duration: int
    policy: dict | None
    packed_size: int | None
    tags: dict[str, str] = field(default_factory=dict)
    source_identity: str | None = None
    external_id: str | None = None

    @classmethod
    def parse(cls, parameters: dict) -> "Wish":
        if parameters.get("PolicyArns"):
            raise _invalid("PolicyArns is not modelled by the local stack; pass an inline Policy.")
        tags = _tags(parameters.get("Tags") or [])
        text = parameters.get("Policy")
        session_policy = _session_policy(text)
        return cls(
            role_arn=_text(parameters, "RoleArn", ROLE_ARN, required=True),
            session_name=_text(parameters, "RoleSessionName", NAME, required=True),
            duration=_duration(parameters.get("DurationSeconds", 3600)),
            policy=session_policy,
            packed_size=_packed_size(session_policy, tags),
            tags=tags,
            source_identity=_text(parameters, "SourceIdentity", NAME),
            external_id=_text(parameters, "ExternalId", EXTERNAL_ID),
        )

    @property
    def context(self) -> dict[str, list[str]]:
        context = {"sts:RoleSessionName": [self.session_name]}
        if self.external_id is not None:
            context["sts:ExternalId"] = [self.external_id]
        if self.source_identity is not None:
            context["sts:SourceIdentity"] = [self.source_identity]
        if self.tags:
            context["aws:TagKeys"] = list(self.tags)
        return context | {f"aws:RequestTag/{key}": [value] for key, value in self.tags.items()}

    @property
    def actions(self) -> list[str]:
        """Caller's policy and role's trust policy must both allow each of them."""
        return (
            ["sts:AssumeRole"]
            + (["sts:TagSession"] if self.tags else [])
            + (["sts:SetSourceIdentity"] if self.source_identity else [])
        )


def install(sessions: Sessions, settings: Settings, web_identities: WebIdentities) -> None:
    """Puts these rules in the place of moto's two operations."""

    def assume_role(handler: object) -> ActionResult:
        wish = Wish.parse(handler.params)
        role = authorize(handler, wish, settings)
        _check_duration(wish, role, chained=handler.caller.session is not None)
        inherited = handler.caller.session and handler.caller.session.source_identity
        wish.source_identity = wish.source_identity or inherited
        return ActionResult(_issue(handler, wish, sessions, settings, federation={}))

    def assume_role_with_web_identity(handler: object) -> ActionResult:
        wish = Wish.parse(handler.params)
        identity = web_identities.verify(handler.params.get("WebIdentityToken") or "")
        role = find_role(wish.role_arn)
        context = request_context(handler, settings) | wish.context | identity.context
        asked = policy.Request(
            "sts:AssumeRoleWithWebIdentity", wish.role_arn, context, {"Federated": {identity.provider_arn}}
        )
        if role is None or policy.evaluate([trust_policy(role)], asked) != policy.ALLOW:
            raise QueryError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
        _check_duration(wish, role, chained=False)
        return ActionResult(
            _issue(handler, wish, sessions, settings, identity.session_context)
            | {
                "SubjectFromWebIdentityToken": identity.subject,
                "Audience": identity.audience,
                "Provider": identity.provider_arn,
            }
        )

    TokenResponse.assume_role = assume_role
    TokenResponse.assume_role_with_web_identity = assume_role_with_web_identity


def authorize(handler: object, wish: Wish, settings: Settings) -> Role:
    """The role, if the caller's own policies and the role's trust policy allow every action that the request needs."""
    caller: Caller = handler.caller
    role = find_role(wish.role_arn)
    context = request_context(handler, settings) | wish.context
    seen_by_trust = {key: values for key, values in caller.context.items() if key != SOURCE_FUNCTION} | context
    for action in wish.actions:
        asked = policy.Request(action, wish.role_arn, seen_by_trust, caller.principals)
        if (
            role is None
            or not caller.may(action, wish.role_arn, context)
            or policy.evaluate([trust_policy(role)], asked) != policy.ALLOW
        ):
            raise denied(handler, action, wish.role_arn)
    inherited = caller.session and caller.session.source_identity
    if inherited and wish.source_identity not in (None, inherited):
        # Once set, a source identity stays for the whole chain.
        raise denied(handler, "sts:SetSourceIdentity", wish.role_arn)
    return role


def _check_duration(wish: Wish, role: Role, chained: bool) -> None:
    if chained and wish.duration > CHAINED_LONGEST:
        raise _invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    if wish.duration > int(role.max_session_duration or 3600):
        raise _invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")


def _issue(
    handler: object, wish: Wish, sessions: Sessions, settings: Settings, federation: dict[str, list[str]]
) -> dict:
    # moto makes the key and remembers the role, which GetCallerIdentity and its account lookup rest on.
    made = handler.backend.assume_role(
        region_name=handler.region,
        role_session_name=wish.session_name,
        role_arn=wish.role_arn,
        policy=None,
        duration=wish.duration,
        external_id=wish.external_id,
    )
    lifetime = wish.duration
    if settings.credential_lifetime_seconds is not None:
        lifetime = min(lifetime, settings.credential_lifetime_seconds)
    session = Session(
        access_key_id=made.access_key_id,
        secret_access_key=made.secret_access_key,
        session_token=made.session_token,
        account_id=made.account_id,
        partition=made.partition,
        role_arn=wish.role_arn,
        name=wish.session_name,
        user_id=made.user_id,
        expires_at=time.time() + lifetime,
        policy=wish.policy,
        tags=wish.tags,
        source_identity=wish.source_identity,
        federation=federation,
    )
    sessions.add(session)
    return _answer(session, made.user_id, wish)


def _answer(session: Session, role_session_id: str, wish: Wish) -> dict:
    answer = {
        "Credentials": {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
            # AWS answers in whole seconds.
            "Expiration": datetime.fromtimestamp(int(session.expires_at), timezone.utc),
        },
        "AssumedRoleUser": {"AssumedRoleId": role_session_id, "Arn": session.arn},
    }
    if wish.packed_size is not None:
        answer["PackedPolicySize"] = wish.packed_size
    if session.source_identity:
        answer["SourceIdentity"] = session.source_identity
    return answer


def find_role(arn: str) -> Role | None:
    account = re.fullmatch(r"arn:aws:iam::(\d{12}):role/.+", arn)
    if not account:
        return None
    try:
        return iam_backends[account[1]]["aws"].get_role_by_arn(arn)
    except NotFoundException:
        return None


def trust_policy(role: Role) -> dict:
    return policy.parse(role.assume_role_policy_document)


def _text(parameters: dict, name: str, rule: tuple[str, int, int], required: bool = False) -> str | None:
    value = parameters.get(name)
    shown = name[0].lower() + name[1:]
    pattern, shortest, longest = rule
    if value is None:
        if required:
            raise _constraint("null", shown, "Member must not be null")
        return None
    if not re.fullmatch(pattern, value, re.ASCII):
        raise _constraint(value, shown, f"Member must satisfy regular expression pattern: {pattern}")
    if len(value) < shortest:
        raise _constraint(value, shown, f"Member must have length greater than or equal to {shortest}")
    if len(value) > longest:
        raise _constraint(value, shown, f"Member must have length less than or equal to {longest}")
    if name == "SourceIdentity" and value.lower().startswith("aws:"):
        raise _invalid("SourceIdentity must not start with aws:")
    return value


def _tags(listed: list[dict]) -> dict[str, str]:
    if len(listed) > MAX_TAGS:
        raise _constraint(f"{len(listed)} tags", "tags", f"Member must have length less than or equal to {MAX_TAGS}")
    tags: dict[str, str] = {}
    for number, tag in enumerate(listed, start=1):
        key, value = tag.get("Key") or "", tag.get("Value") or ""
        if not 1 <= len(key) <= 128 or not TAG_CHARACTERS.fullmatch(key):
            raise _constraint(key, f"tags.{number}.member.key", f"{TAG_CONSTRAINT}+")
        if len(value) > 256 or not TAG_CHARACTERS.fullmatch(value):
            raise _constraint(value, f"tags.{number}.member.value", f"{TAG_CONSTRAINT}*")
        if key.lower() in map(str.lower, tags):
            message = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            raise QueryError("InvalidParameterValue", message)
        tags[key] = value
    return tags


def _duration(seconds: int) -> int:
    if seconds < SHORTEST:
        raise _constraint(seconds, "durationSeconds", f"Member must have value greater than or equal to {SHORTEST}")
    if seconds > LONGEST:
        raise _constraint(seconds, "durationSeconds", f"Member must have value less than or equal to {LONGEST}")
    return seconds


def _session_policy(text: str | None) -> dict | None:
    if text is None:
        return None
    if not 1 <= len(text) <= POLICY_CHARACTERS:
        raise _constraint(text, "policy", f"Member must have length less than or equal to {POLICY_CHARACTERS}")
    try:
        return policy.parse_session_policy(text)
    except policy.MalformedPolicy as error:
        raise QueryError("MalformedPolicyDocument", str(error)) from error


def _packed_size(session_policy: dict | None, tags: dict[str, str]) -> int | None:
    if session_policy is None and not tags:
        return None
    characters = len(json.dumps(session_policy, separators=(",", ":"))) if session_policy else 0
    characters += sum(len(key) + len(value) for key, value in tags.items())
    percent = -(-100 * characters // PACKED_CHARACTERS)
    if percent > 100:
        message = f"Serialized token too large for session: PackedPolicySize is {percent}%"
        raise QueryError("PackedPolicyTooLarge", message)
    return percent


def _constraint(value: object, name: str, constraint: str) -> QueryError:
    return _invalid(
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
    )


def _invalid(message: str) -> QueryError:
    return QueryError("ValidationError", message)
