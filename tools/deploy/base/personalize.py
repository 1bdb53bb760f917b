"""The control plane of Personalize, where what is created takes its time: creates, and waits for how it ends."""

from typing import Any

from tools.deploy.base.errors import DeployError
from tools.deploy.base.waiting import poll

_UNDER_WAY = frozenset({"CREATE PENDING", "CREATE IN_PROGRESS", "CREATE STOPPING"})


class CreationError(DeployError):
    """A resource was not created; the message has the service's reason."""


def create(
    control: Any, kind: str, *, every_seconds: float = 0.05, for_seconds: float = 120, **request: Any
) -> dict[str, Any]:
    """Creates a resource and returns its description once its creation has ended, well or not.

    `kind` is what boto3 calls it after `create_`, e.g. `dataset_import_job`; the rest is the request. Raises
    DeployError when the creation has not ended within `for_seconds`.
    """
    made = getattr(control, f"create_{kind}")(**request)
    return ended(control, kind, made[f"{_member(kind)}Arn"], every_seconds=every_seconds, for_seconds=for_seconds)


def created(control: Any, kind: str, **request: Any) -> str:
    """Creates a resource as `create` does and returns its ARN once it is ACTIVE. Raises CreationError."""
    shown = create(control, kind, **request)
    arn = str(shown[f"{_member(kind)}Arn"])
    if shown["status"] != "ACTIVE":
        raise CreationError(f"{arn} ended as {shown['status']}: {shown.get('failureReason', 'no reason given')}")
    return arn


def ended(
    control: Any, kind: str, arn: str, *, every_seconds: float = 0.05, for_seconds: float = 120
) -> dict[str, Any]:
    """The description of a resource once its creation has ended, whoever began it. Raises DeployError as `create`."""
    seen: dict[str, Any] = {}

    def has_ended() -> bool:
        seen.update(getattr(control, f"describe_{kind}")(**{f"{_member(kind)}Arn": arn})[_member(kind)])
        return seen["status"] not in _UNDER_WAY

    after = f"{for_seconds / 3600:.0f} hours" if for_seconds >= 3600 else f"{for_seconds:.0f} seconds"
    still = f"{arn} has not ended after {after}"
    poll(has_ended, every_seconds=every_seconds, for_seconds=for_seconds, otherwise=still)
    return seen


def _member(kind: str) -> str:
    first, *rest = kind.split("_")
    return first + "".join(map(str.title, rest))
