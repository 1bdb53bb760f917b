"""Who calls: the access keys of the local cloud, and the names behind them.

A role's temporary credentials are computed from the service that assumes it and the role's name, by whoever acts as the
role; nobody hands them out and nobody stores them, so that they outlive every process. The emulator admits such a key
while the role exists and its trust policy names the service. Every other key that it knows is the account's own.
Standard library only: both environments import it.
"""

import hashlib
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import quote, unquote

ACCOUNT_KEY = "test"
"""Key and secret of the account itself: tests, tools and deployments, which are all-powerful."""

_PREFIX = "ASIA"
"""What the ids of temporary keys begin with on AWS."""


@dataclass(frozen=True, slots=True)
class RoleSession:
    """A service that acts as a role."""

    service: str
    """The service's principal without its domain, e.g. `lambda`."""
    role: str
    """The role's name, without a path."""

    @property
    def principal(self) -> str:
        """The service as trust policies name it."""
        return f"{self.service}.amazonaws.com"

    @property
    def access_key(self) -> str:
        """An id that says what it stands for, e.g. `ASIA.lambda.dev-recommender-recommend-role-rol`."""
        return f"{_PREFIX}.{quote(self.service, safe='')}.{quote(self.role, safe='')}"

    @property
    def secret_key(self) -> str:
        return hashlib.sha256(f"secret {self.access_key}".encode()).hexdigest()

    @property
    def token(self) -> str:
        return hashlib.sha256(f"token {self.access_key}".encode()).hexdigest()


def role_session(role_arn: str, service: str) -> RoleSession:
    """The session in which a service acts as the role with this ARN."""
    return RoleSession(service, role_arn.rpartition("/")[2])


def session_of(access_key: str) -> RoleSession | None:
    """The session that an access key stands for, or None for a key of any other kind."""
    parts = access_key.split(".", 2)
    if len(parts) != 3 or parts[0] != _PREFIX or not parts[1] or not parts[2]:
        return None
    return RoleSession(unquote(parts[1]), unquote(parts[2]))


def access_key_in(authorization: str) -> str:
    """The access key that a Signature Version 4 header names, or an empty string."""
    _, _, credential = authorization.partition("Credential=")
    return credential.partition("/")[0] if authorization.startswith("AWS4-") else ""


JUDGE_PATH = "/_local/identity/judge"
"""Where the emulator tells other processes what a key may do."""

EXECUTION_ROLE: ContextVar[str | None] = ContextVar("execution_role", default=None)
"""The ARN of the role of the state machine whose execution runs in this context."""
