"""How a tool reaches an environment: boto3 clients for AWS, or for the local cloud.

`local` answers on this computer: its endpoints are read from `cloud.json` in the local cloud's state folder and its
credentials are dummies, so that no call can reach an AWS account by mistake. Every other environment takes the default
boto3 chain (environment variables, profile, instance role) and the region of its settings.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from infra.settings import Settings, load_settings
from tools.environment.errors import ToolError

LOCAL = "local"
STATE_VARIABLE = "LOCAL_CLOUD_STATE"
"""Names another state folder of the local cloud than `.local`; tools and tests that run several clouds set it."""

_REPOSITORY = Path(__file__).resolve().parents[2]
_PERSONALIZE_SERVICES = frozenset({"personalize", "personalize-events", "personalize-runtime"})
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=60)
_DUMMY = "test"
_NOT_FOR_LOCAL = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN")


class NotConnectedError(ToolError):
    """The environment cannot be reached; the message says what to do about it."""


def state_folder() -> Path:
    """The state folder of the local cloud that tools talk to."""
    return Path(os.environ.get(STATE_VARIABLE) or _REPOSITORY / ".local").resolve()


def settings_of(environment: str) -> Settings:
    """The settings of `environment`, with `ACCOUNT_ID` and `CDK_DEPLOY_REGION` honoured as the CDK app honours them.

    The local cloud has one account and ignores both. Raises SettingsError.
    """
    if environment == LOCAL:
        return load_settings(environment)
    return load_settings(environment, account=os.environ.get("ACCOUNT_ID"), region=os.environ.get("CDK_DEPLOY_REGION"))


@dataclass(frozen=True)
class Connection:
    """Where one environment is and how to call it. Clients are made once a service and may be shared by threads."""

    settings: Settings
    state: Path

    @property
    def is_local(self) -> bool:
        return self.settings.environment == LOCAL

    @cached_property
    def _record(self) -> Mapping[str, Any]:
        path = self.state / "cloud.json"
        try:
            record: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise NotConnectedError(
                "the local cloud is not up; `./deploy.sh local` or `python -m local_cloud up` starts it"
            ) from error
        except ValueError as error:
            raise NotConnectedError(f"{path.name} of the local cloud is not valid JSON: {error}") from error
        return record

    @cached_property
    def _session(self) -> Any:
        if not self.is_local:
            return boto3.Session(region_name=self.settings.region)
        # The caller's AWS_PROFILE is none of the local cloud's business, and may name a profile that is not there.
        without_profile = {**botocore.session.Session.SESSION_VARIABLES, "profile": (None, None, None, None)}
        return boto3.Session(
            botocore_session=botocore.session.Session(session_vars=without_profile),
            aws_access_key_id=_DUMMY,
            aws_secret_access_key=_DUMMY,
            region_name=self.settings.region,
        )

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def endpoint(self, service: str) -> str | None:
        """The URL that answers for `service`, or None where the SDK knows it."""
        if not self.is_local:
            return None
        return str(self._record["personalize" if service in _PERSONALIZE_SERVICES else "endpoint"])

    def client(self, service: str) -> Any:
        """A boto3 client of the environment, e.g. `client("kinesis")`.

        Raises NotConnectedError when the local cloud is not up.
        """
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self.endpoint(service), config=_CONFIG)
        return self._clients[service]

    def process_environment(self) -> dict[str, str]:
        """The environment variables with which another program (the CDK CLI, another SDK) reaches the same place."""
        variables = dict(os.environ)
        region = self.settings.region
        variables |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        if self.is_local:
            for name in _NOT_FOR_LOCAL:
                variables.pop(name, None)
            variables |= {
                "AWS_ENDPOINT_URL": str(self._record["endpoint"]),
                "AWS_ACCESS_KEY_ID": _DUMMY,
                "AWS_SECRET_ACCESS_KEY": _DUMMY,
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        return variables


def connect(environment: str) -> Connection:
    """The connection to `environment`. Nothing is called yet. Raises SettingsError."""
    return Connection(settings=settings_of(environment), state=state_folder())
