"""Sessions that AWS services open for themselves with a role that trusts them: Lambda for its functions."""

import time

from moto.core import DEFAULT_ACCOUNT_ID
from moto.sts.models import sts_backends

from . import policy
from .authorization import Caller, caller_of
from .aws_errors import QueryError
from .sessions import Session, Sessions
from .sts import find_role, trust_policy

# Lambda renews a function's credentials itself; nothing here runs as long.
SECONDS = 12 * 3600


class ServiceSessions:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def assume(self, service: str, role_arn: str, name: str, source_arn: str) -> Session:
        """A session of the role, if the role exists and trusts the service for this resource."""
        role = find_role(role_arn)
        context = {"aws:SourceArn": [source_arn], "aws:SourceAccount": [DEFAULT_ACCOUNT_ID]}
        asked = policy.Request("sts:AssumeRole", role_arn, context, {"Service": {service}})
        if role is None or policy.evaluate([trust_policy(role)], asked) != policy.ALLOW:
            raise QueryError("AccessDenied", f"{service} is not authorized to assume {role_arn}", 403)
        # moto makes the key and remembers the role, which GetCallerIdentity rests on.
        made = sts_backends[DEFAULT_ACCOUNT_ID]["aws"].assume_role(
            region_name="us-east-1",
            role_session_name=name,
            role_arn=role_arn,
            policy=None,
            duration=SECONDS,
            external_id=None,
        )
        session = Session(
            access_key_id=made.access_key_id,
            secret_access_key=made.secret_access_key,
            session_token=made.session_token,
            account_id=made.account_id,
            partition=made.partition,
            role_arn=role_arn,
            name=name,
            user_id=made.user_id,
            expires_at=time.time() + SECONDS,
            function_arn=source_arn if service == "lambda.amazonaws.com" else None,
        )
        self._sessions.add(session)
        return session

    def may(self, session: Session, action: str, resource: str) -> bool:
        """What a service asks for on the session's behalf before it acts itself."""
        caller: Caller = caller_of(session, session.account_id)
        return caller.may(action, resource, {})
