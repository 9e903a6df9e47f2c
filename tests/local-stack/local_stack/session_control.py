"""Sessions by the thousand: made without STS, and asked all at once what they may do, by the same rules as over the wire."""

import secrets
import time

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from werkzeug.exceptions import BadRequest

from .authorization import caller_of
from .sessions import Session, Sessions
from .sts import find_role

SECONDS = 3600


def create(sessions: Sessions, order: dict) -> dict:
    """`role_arn`, and `sessions`: `name`, and where they have some `tags` and `source_identity`. Answers their keys."""
    role = find_role(order.get("role_arn", ""))
    if role is None:
        raise BadRequest("role_arn: there is no such role")
    role_id = iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_role_by_arn(role.arn).id
    made = [
        Session(
            access_key_id=f"ASIA{secrets.token_hex(8).upper()}",
            secret_access_key=secrets.token_hex(20),
            session_token=secrets.token_hex(20),
            account_id=DEFAULT_ACCOUNT_ID,
            partition="aws",
            role_arn=role.arn,
            name=one["name"],
            user_id=f"{role_id}:{one['name']}",
            expires_at=time.time() + SECONDS,
            tags=one.get("tags", {}),
            source_identity=one.get("source_identity"),
        )
        for one in order.get("sessions", [])
    ]
    for session in made:
        sessions.add(session)
    return {"access_keys": [session.access_key_id for session in made]}


def permissions(sessions: Sessions, order: dict) -> dict:
    """Which of the sessions with these `access_keys` may do `action` on `resource`."""

    def may(access_key: str) -> bool:
        session = sessions.find(access_key)
        return session is not None and caller_of(session, session.account_id).may(order["action"], order["resource"], {})

    return {"allowed": [key for key in order["access_keys"] if may(key)]}
