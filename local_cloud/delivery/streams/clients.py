"""boto3 clients of the delivery process: made once, shared by its threads, pointed at one endpoint."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials

from local_cloud.identity.principals import ACCOUNT_KEY, role_session

LONGEST_ANSWER_SECONDS = 30.0
"""How long an answer is waited for: a request whose answer got lost is made again, instead of standing still."""
_LOOK_UP_AGAIN = timedelta(hours=1)


class Clients:
    """Clients for one endpoint. They do not retry: each caller knows better what a failure means to it.

    They act as the account, or as what `credentials` says.
    """

    def __init__(
        self, endpoint: str, region: str = "us-east-1", *, credentials: Callable[[], dict[str, str]] | None = None
    ) -> None:
        self._endpoint = endpoint
        self._region = region
        session = botocore.session.Session()
        if credentials is None:
            session.set_credentials(ACCOUNT_KEY, ACCOUNT_KEY)
        else:
            # Found when the first call is signed: a role that cannot be looked up yet fails that call, not the start.
            session._credentials = DeferredRefreshableCredentials(credentials, "role")
        self._session = boto3.Session(botocore_session=session, region_name=region)
        self._config = Config(
            connect_timeout=2,
            read_timeout=LONGEST_ANSWER_SECONDS,
            max_pool_connections=64,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        )
        self._clients: dict[tuple[str, float], Any] = {}
        self._acting: list[Clients] = []
        self._lock = threading.Lock()

    def client(self, service: str, *, answer_seconds: float = LONGEST_ANSWER_SECONDS) -> Any:
        """The service's client that waits so long for an answer."""
        key = (service, answer_seconds)
        with self._lock:
            if key not in self._clients:
                config = self._config.merge(Config(read_timeout=answer_seconds))
                self._clients[key] = self._session.client(service, endpoint_url=self._endpoint, config=config)
            return self._clients[key]

    def acting_as(self, service: str, role: Callable[["Clients"], str]) -> "Clients":
        """Clients that act for a service as the role whose ARN `role` finds with these clients, at the first call.

        A role that was never made has no policies to judge by: the account acts in its place.
        """

        def credentials() -> dict[str, str]:
            session = role_session(role(self), service)
            keys = {"access_key": ACCOUNT_KEY, "secret_key": ACCOUNT_KEY, "token": ""}
            if self._exists(session.role):
                keys = {"access_key": session.access_key, "secret_key": session.secret_key, "token": session.token}
            return {**keys, "expiry_time": (datetime.now(UTC) + _LOOK_UP_AGAIN).isoformat()}

        made = Clients(self._endpoint, self._region, credentials=credentials)
        self._acting.append(made)
        return made

    def _exists(self, role: str) -> bool:
        iam = self.client("iam")
        try:
            return bool(role and iam.get_role(RoleName=role))
        except iam.exceptions.NoSuchEntityException:
            return False

    def close(self) -> None:
        for acting in self._acting:
            acting.close()
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()
