"""The three children of a local cloud: how each is started and how one knows that it answers."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_cloud.common.state import REPOSITORY, LocalCloudError, StateFolder
from personalize_local.api.bind import LOOPBACK, check_bind
from personalize_local.api.guard import LOCAL_REQUEST, HostNameError, host_name

EMULATOR_PYTHON = REPOSITORY / ".venv-emulator" / "bin" / "python"
EVERYWHERE = "0.0.0.0"  # noqa: S104 (asked for, and then with --allow-host alone)
ALL_SERVICES = ("emulator", "personalize", "delivery")

ACCOUNT_ENVIRONMENT = {
    # Any key works locally; files of the user's real accounts are never read.
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What makes an AWS SDK, or the CDK CLI, talk to the local cloud as its only account (with AWS_ENDPOINT_URL)."""

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "DELIVERY_TIME_SCALE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What one may choose when a local cloud starts."""

    wait_scale: float = 0.01
    """Seconds slept for each second that a state machine waits."""
    pace: float = 0.05
    """Seconds that the embedded Personalize spends in each step of a creation."""
    save_every: float = 60.0
    """Seconds between two saves of the emulator's state, when it changes."""
    services: tuple[str, ...] = ALL_SERVICES
    bind: str = LOOPBACK
    """Where the emulator and Personalize listen: 127.0.0.1, or 0.0.0.0 in a container, with `allow_hosts`."""
    allow_hosts: tuple[str, ...] = ()
    """Names by which they are asked for, beside those of this computer."""

    def __post_init__(self) -> None:
        if self.bind not in (LOOPBACK, EVERYWHERE):
            raise LocalCloudError(f"the local cloud listens on {LOOPBACK} or {EVERYWHERE}, not on {self.bind!r}")
        try:
            check_bind(self.bind, self.allow_hosts)
            for name in self.allow_hosts:
                host_name(name)
        except HostNameError as error:
            raise LocalCloudError(str(error)) from error

    @property
    def listening(self) -> tuple[str, ...]:
        """The options of a server's command line that differ from its defaults."""
        names = [word for name in self.allow_hosts for word in ("--allow-host", name)]
        return ("--bind", self.bind, *names) if self.bind != LOOPBACK else tuple(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One child process."""

    name: str
    python: Path
    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    health_url: str | None
    """Answers 200 when the service works; None where there is nothing to ask."""

    def answers(self, *, timeout: float = 1.0) -> bool:
        if self.health_url is None:
            return True
        request = urllib.request.Request(self.health_url, headers=LOCAL_REQUEST)  # noqa: S310 (http of 127.0.0.1)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 (http of 127.0.0.1)
                return bool(answer.status == 200)
        except urllib.error.HTTPError as other:
            other.close()
            return False
        except OSError:
            return False


def services(state: StateFolder, options: Options, ports: Mapping[str, int]) -> Sequence[Service]:
    """The children of a local cloud with this state folder, in the order in which they start."""
    if not EMULATOR_PYTHON.exists():
        raise LocalCloudError("the emulator's environment .venv-emulator is missing; `make setup` creates it")
    endpoint, personalize = url(ports["emulator"]), url(ports["personalize"])
    inherited = {k: v for k, v in os.environ.items() if k in _INHERITED or k.startswith("COVERAGE_")}
    environment = inherited | ACCOUNT_ENVIRONMENT | {"TMPDIR": str(state.scratch), "PYTHONUNBUFFERED": "1"}
    made = {
        "emulator": Service(
            name="emulator",
            python=EMULATOR_PYTHON,
            module="local_cloud.emulator.host",
            arguments=(
                *("--port", str(ports["emulator"]), "--personalize", personalize),
                *("--state", str(state.root), "--wait-scale", str(options.wait_scale)),
                *("--save-every", str(options.save_every), *options.listening),
            ),
            environment=environment,
            health_url=f"{endpoint}/_ministack/health",
        ),
        "personalize": Service(
            name="personalize",
            python=Path(sys.executable),
            module="local_cloud.supervisor.personalize_host",
            arguments=(
                *("--port", str(ports["personalize"]), "--data", str(state.personalize)),
                *("--emulator", endpoint),
                *("--pace", str(options.pace), *options.listening),
            ),
            environment=environment | {"AWS_ENDPOINT_URL": endpoint},
            health_url=f"{personalize}/_local/health",
        ),
        "delivery": Service(
            name="delivery",
            python=Path(sys.executable),
            module="local_cloud.delivery.host",
            arguments=("--state", str(state.root), "--endpoint", endpoint),
            environment=environment | {"AWS_ENDPOINT_URL": endpoint},
            health_url=None,
        ),
    }
    return [made[name] for name in options.services]


def url(port: int) -> str:
    """The address of what listens on this port."""
    return f"http://127.0.0.1:{port}"
