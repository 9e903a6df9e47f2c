"""IAM policy evaluation as a pure function: statement by statement, an explicit Deny wins.

One engine serves identity policies, session policies and role trust policies. It errs on the side of refusing: a
condition key that this stack does not model makes an Allow miss and a Deny hit.
"""

import ipaddress
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone

ALLOW, DENY, SILENT = "allow", "deny", "silent"

ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"}
SESSION_ELEMENTS = ELEMENTS - {"Principal", "NotPrincipal"}
# The keys whose presence or absence this stack really knows; a trailing * stands for the rest of the name.
MODELLED_KEYS = re.compile(
    r"aws:(SecureTransport|SourceIp|SourceArn|SourceAccount|CurrentTime|EpochTime|TokenIssueTime|PrincipalArn"
    r"|PrincipalAccount|PrincipalType|FederatedProvider|ResourceAccount|SourceIdentity|CalledVia|TagKeys|UserAgent|username|userid"
    r"|PrincipalTag/.*|RequestTag/.*)"
    r"|s3:(prefix|delimiter|max-keys|ResourceAccount|x-amz-.*)"
    r"|sts:(ExternalId|RoleSessionName|SourceIdentity)"
    r"|lambda:SourceFunctionArn"
    r"|kms:ViaService"
    r"|[^:/]+(:\d+)?(/[^:]*)?:(aud|oaud|sub|azp|amr)"
    r"|token\.actions\.githubusercontent\.com:(actor|actor_id|enterprise_id|environment|job_workflow_ref|ref|repository"
    r"|repository_id|workflow)",
    re.IGNORECASE,
)


class MalformedPolicy(ValueError):
    """The policy document is not one that AWS would take; the text is AWS's own where it is known."""


class UnknownCondition(Exception):
    """A condition asks for something this stack does not model."""


@dataclass
class Request:
    """What is asked: the IAM action, the resource's ARN, and the condition context (keys compared in lower case)."""

    action: str
    resource: str
    context: dict[str, list[str]] = field(default_factory=dict)
    # Every name of the caller that a Principal element may give: its ARN, its role's, its account's root.
    principals: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.context = {key.lower(): values for key, values in self.context.items()}


def parse(text: str) -> dict:
    """A stored policy document (identity or trust), as moto accepted it."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise MalformedPolicy("The policy is not in the valid JSON format.") from error
    if not isinstance(document, dict):
        raise MalformedPolicy("Syntax errors in policy.")
    return document


def parse_session_policy(text: str) -> dict:
    """A session policy, held to IAM's grammar: AssumeRole refuses what it cannot read instead of ignoring it."""
    document = parse(text)
    if set(document) - {"Version", "Id", "Statement"}:
        raise MalformedPolicy("Syntax errors in policy.")
    if document.get("Version", "2008-10-17") not in ("2012-10-17", "2008-10-17"):
        raise MalformedPolicy("The new policy version must be 2012-10-17 or 2008-10-17.")
    statements = listed(document.get("Statement"))
    if not statements:
        raise MalformedPolicy("Syntax errors in policy.")
    for statement in statements:
        _check_session_statement(statement)
    return document


def _check_session_statement(statement: object) -> None:
    if not isinstance(statement, dict) or set(statement) - SESSION_ELEMENTS:
        raise MalformedPolicy("Syntax errors in policy.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicy("Syntax errors in policy.")
    if ("Action" in statement) == ("NotAction" in statement):
        raise MalformedPolicy("Policy statement must contain actions.")
    if ("Resource" in statement) == ("NotResource" in statement):
        raise MalformedPolicy("Policy statement must contain resources.")
    actions = listed(statement.get("Action", statement.get("NotAction")))
    if not actions or not all(isinstance(a, str) and re.fullmatch(r"\*|[\w-]+:[\w*?]+", a) for a in actions):
        raise MalformedPolicy("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    resources = listed(statement.get("Resource", statement.get("NotResource")))
    if not resources or not all(isinstance(r, str) and (r == "*" or r.startswith("arn:")) for r in resources):
        raise MalformedPolicy('Resource must be in ARN format or "*".')
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(test, dict) for test in condition.values()):
        raise MalformedPolicy("Syntax errors in policy.")
    for operator in condition:
        if _split_operator(operator)[1] not in OPERATORS:
            raise MalformedPolicy(f"Invalid Condition type : {operator}.")


def evaluate(documents: list[dict], request: Request) -> str:
    """ALLOW, DENY or SILENT over all documents together."""
    verdict = SILENT
    for document in documents:
        for statement in listed(document.get("Statement")):
            effect = _statement_effect(statement, request)
            if effect == DENY:
                return DENY
            if effect == ALLOW:
                verdict = ALLOW
    return verdict


def _statement_effect(statement: dict, request: Request) -> str:
    try:
        applies = (
            _action_matches(statement, request.action)
            and _resource_matches(statement, request)
            and _principal_matches(statement, request)
            and _conditions_hold(statement.get("Condition", {}), request.context)
        )
    except (UnknownCondition, ValueError):  # ValueError: a number, date or network that is none
        # Better refuse than let a test pass that AWS would fail.
        return DENY if statement.get("Effect") == "Deny" else SILENT
    if not applies:
        return SILENT
    return DENY if statement.get("Effect") == "Deny" else ALLOW


def _action_matches(statement: dict, action: str) -> bool:
    def named(element: str) -> bool:
        return any(_glob(pattern.lower(), action.lower()) for pattern in listed(statement[element]))

    return named("Action") if "Action" in statement else not named("NotAction")


def _resource_matches(statement: dict, request: Request) -> bool:
    def named(element: str) -> bool:
        return any(_glob(pattern, request.resource, request.context) for pattern in listed(statement[element]))

    if "Resource" in statement:
        return named("Resource")
    if "NotResource" in statement:
        return not named("NotResource")
    return True  # a trust policy: its resource is the role it hangs on


def _principal_matches(statement: dict, request: Request) -> bool:
    def named(element: object) -> bool:
        if element == "*":
            return True
        if not isinstance(element, dict):
            return False
        return any(
            value == "*" or value in request.principals.get(kind, set())
            for kind, values in element.items()
            for value in listed(values)
        )

    if "Principal" in statement:
        return named(statement["Principal"])
    if "NotPrincipal" in statement:
        return not named(statement["NotPrincipal"])
    return True


def _conditions_hold(conditions: dict, context: dict[str, list[str]]) -> bool:
    return all(
        _condition_holds(operator, key, [str(value) for value in listed(expected)], context)
        for operator, tests in conditions.items()
        for key, expected in tests.items()
    )


def _condition_holds(operator: str, key: str, expected: list[str], context: dict[str, list[str]]) -> bool:
    quantifier, name, if_exists = _split_operator(operator)
    if name not in OPERATORS or not MODELLED_KEYS.fullmatch(key):
        raise UnknownCondition(f"{operator} on {key}")
    actual = context.get(key.lower())
    if name == "Null":
        return (actual is None) == (expected[0].lower() == "true")
    if actual is None:
        # IAM: a missing key fails a positive operator, and passes a negated one, …IfExists and ForAllValues.
        return if_exists or name in NEGATED or quantifier == "ForAllValues"
    test = OPERATORS[name]

    def one(value: str) -> bool:
        hit = any(test(wanted, value, context) for wanted in expected)
        return not hit if name in NEGATED else hit

    return any(map(one, actual)) if quantifier == "ForAnyValue" else all(map(one, actual))


def _split_operator(operator: str) -> tuple[str, str, bool]:
    quantifier, _, name = operator.rpartition(":")
    if name.endswith("IfExists"):
        return quantifier, name.removesuffix("IfExists"), True
    return quantifier, name, False


def _glob(pattern: str, value: str, context: dict[str, list[str]] | None = None, wildcards: bool = True) -> bool:
    """`*` and `?`, and policy variables: `${aws:PrincipalTag/x}` is the tag's text, never a pattern of its own."""
    parts = []
    for token in re.findall(r"\$\{[^}]*\}|.", pattern, re.DOTALL):
        if token.startswith("${") and context is not None:
            name = token[2:-1]
            text = name if name in ("*", "?", "$") else (context.get(name.lower()) or [None])[0]
            if text is None:
                return False  # a variable without a value matches nothing
            parts.append(re.escape(text))
        else:
            parts.append((wildcards and {"*": ".*", "?": "."}.get(token)) or re.escape(token))
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _literal(wanted: str, value: str, context: dict) -> bool:
    # StringEquals knows variables but no wildcards.
    return _glob(wanted, value, context, wildcards=False)


def _number(compare):
    return lambda wanted, value, _: compare(float(value), float(wanted))


def _date(compare):
    return lambda wanted, value, _: compare(_epoch(value), _epoch(wanted))


def _epoch(text: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _in_network(wanted: str, value: str, _: dict) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)


OPERATORS = {
    "StringEquals": _literal,
    "StringNotEquals": _literal,
    "StringEqualsIgnoreCase": lambda wanted, value, context: _literal(wanted.lower(), value.lower(), context),
    "StringNotEqualsIgnoreCase": lambda wanted, value, context: _literal(wanted.lower(), value.lower(), context),
    "StringLike": _glob,
    "StringNotLike": _glob,
    "ArnEquals": _glob,
    "ArnLike": _glob,
    "ArnNotEquals": _glob,
    "ArnNotLike": _glob,
    "Bool": lambda wanted, value, _: wanted.lower() == value.lower(),
    "Null": None,
    "IpAddress": _in_network,
    "NotIpAddress": _in_network,
    "NumericEquals": _number(lambda value, wanted: value == wanted),
    "NumericNotEquals": _number(lambda value, wanted: value == wanted),
    "NumericLessThan": _number(lambda value, wanted: value < wanted),
    "NumericLessThanEquals": _number(lambda value, wanted: value <= wanted),
    "NumericGreaterThan": _number(lambda value, wanted: value > wanted),
    "NumericGreaterThanEquals": _number(lambda value, wanted: value >= wanted),
    "DateEquals": _date(lambda value, wanted: value == wanted),
    "DateNotEquals": _date(lambda value, wanted: value == wanted),
    "DateLessThan": _date(lambda value, wanted: value < wanted),
    "DateLessThanEquals": _date(lambda value, wanted: value <= wanted),
    "DateGreaterThan": _date(lambda value, wanted: value > wanted),
    "DateGreaterThanEquals": _date(lambda value, wanted: value >= wanted),
}
NEGATED = {name for name in OPERATORS if "Not" in name}


def listed(value: object) -> list:
    """IAM's JSON lets a single value stand for a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
