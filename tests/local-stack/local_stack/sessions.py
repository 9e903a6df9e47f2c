"""STS sessions: what moto's own record of an assumed role does not hold, or does not honour."""

import time
from dataclasses import dataclass, field

from botocore.credentials import Credentials
from moto.iam.models import iam_backends


@dataclass
class Session:
    """One set of temporary credentials. It stands in for moto's `AssumedRoleAccessKey`, whose methods it has."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    account_id: str
    partition: str
    role_arn: str
    name: str
    # `aws:userid`: the role's unique id, a colon, the session's name.
    user_id: str
    expires_at: float
    # The session policy, parsed; None when the role's own policies alone decide.
    policy: dict | None = None
    tags: dict[str, str] = field(default_factory=dict)
    source_identity: str | None = None
    # The condition keys of the token that a web identity session keeps.
    federation: dict[str, list[str]] = field(default_factory=dict)
    # The function for which Lambda opened the session.
    function_arn: str | None = None
    issued_at: float = field(default_factory=time.time)

    @property
    def role_name(self) -> str:
        return self.role_arn.split("/")[-1]

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:sts::{self.account_id}:assumed-role/{self.role_name}/{self.name}"

    @property
    def expired(self) -> bool:
        return time.time() >= self.expires_at

    def create_credentials(self) -> Credentials:
        return Credentials(self.access_key_id, self.secret_access_key, self.session_token)

    def collect_policies(self) -> list:
        backend = iam_backends[self.account_id][self.partition]
        names = backend.list_role_policies(self.role_name)
        inline = [backend.get_role_policy(self.role_name, name)[1] for name in names]
        attached, _ = backend.list_attached_role_policies(self.role_name)
        return inline + list(attached)


class Sessions:
    """Every session by its access key id. Adding and finding are single dict operations: no lock needed."""

    def __init__(self) -> None:
        self._by_key: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        self._by_key[session.access_key_id] = session

    def find(self, access_key_id: str) -> Session | None:
        return self._by_key.get(access_key_id)
