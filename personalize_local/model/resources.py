"""What the control plane keeps: resources, their kinds, ARNs and statuses."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, get_args

from personalize_local.model.validation import Json

Kind = Literal[
    "schema",
    "dataset-group",
    "dataset",
    "dataset-import-job",
    "dataset-export-job",
    "data-deletion-job",
    "event-tracker",
    "filter",
    "solution",
    "solution-version",
    "campaign",
    "batch-inference-job",
    "batch-segment-job",
    "metric-attribution",
]

ACTIVE = "ACTIVE"
CREATE_PENDING = "CREATE PENDING"
CREATE_IN_PROGRESS = "CREATE IN_PROGRESS"
CREATE_FAILED = "CREATE FAILED"
CREATE_STOPPING = "CREATE STOPPING"
CREATE_STOPPED = "CREATE STOPPED"
DELETE_PENDING = "DELETE PENDING"
DELETE_IN_PROGRESS = "DELETE IN_PROGRESS"
PENDING = "PENDING"
IN_PROGRESS = "IN_PROGRESS"
UPDATE_PENDING = "UPDATE PENDING"
UPDATE_IN_PROGRESS = "UPDATE IN_PROGRESS"
COMPLETED = "COMPLETED"
FAILED = "FAILED"
CREATING = frozenset({CREATE_PENDING, CREATE_IN_PROGRESS, CREATE_STOPPING, PENDING, IN_PROGRESS, "IN PROGRESS"})
"""What is being made. `IN PROGRESS` is what batch jobs showed here at first; a data folder may hold one that does."""
UPDATING = frozenset({UPDATE_PENDING, UPDATE_IN_PROGRESS})
"""What datasets show themselves while their schema is replaced."""
DELETING = frozenset({DELETE_PENDING, DELETE_IN_PROGRESS})
LATEST = "$LATEST"
"""The alias of a solution's newest active version in the ARN that a campaign is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource. A change makes a new value; the store holds the current one."""

    arn: str
    kind: Kind
    name: str
    parent: str = ""
    """ARN of the resource that lists of this kind are narrowed by; empty for schemas and dataset groups."""
    status: str = ACTIVE
    created: float
    updated: float
    body: Mapping[str, Any] = field(default_factory=dict)
    """Members of the Describe answer beyond names, status and times; keys with `_` are the server's own."""
    id: int = 0
    """Rises with each resource ever made; the store gives it."""

    def changed(self, now: float, *, status: str | None = None, **body: Any) -> Self:
        """The resource at `now` with another status and members; None takes a member away."""
        merged = {name: value for name, value in {**self.body, **body}.items() if value is not None}
        return replace(self, status=status or self.status, updated=now, body=merged)

    def members(self, *names: str) -> Json:
        """The members of that name that it has, for an answer."""
        return {name: self.body[name] for name in names if name in self.body}

    @property
    def times(self) -> Json:
        """The two timestamps that every resource shows."""
        return {"creationDateTime": self.created, "lastUpdatedDateTime": self.updated}


@dataclass(frozen=True, slots=True)
class Account:
    """The AWS account and region that the server plays; they appear in ARNs only."""

    id: str = "000000000000"
    region: str = "us-east-1"
    partition: str = "aws"

    def arn(self, resource: str) -> str:
        """The ARN of a resource, e.g. of `campaign/NAME`."""
        return f"arn:{self.partition}:personalize:{self.region}:{self.id}:{resource}"

    def public_arn(self, resource: str) -> str:
        """The ARN of what every account sees: recipes, algorithms, feature transformations."""
        return f"arn:{self.partition}:personalize:::{resource}"


def kind_in(arn: str) -> Kind | None:
    """The kind of resource that an ARN names by its form; None for what no resource here has."""
    name, _, rest = arn.rpartition(":")[2].partition("/")
    if name == "solution" and "/" in rest:
        return "solution-version"
    return next((kind for kind in get_args(Kind) if kind == name), None)


def short_id() -> str:
    """Eight hexadecimal digits, as solution versions and event trackers have in their ARNs."""
    return secrets.token_hex(4)


def latest_full(versions: Sequence[Resource]) -> Resource | None:
    """The newest active version (of versions in the order in which they were made) that was trained in full."""
    return next(
        (one for one in reversed(versions) if one.status == ACTIVE and one.body["trainingMode"] == "FULL"), None
    )
