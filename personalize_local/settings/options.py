"""How a local Personalize runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from personalize_local.jobs.tasks.workers import Subprocess, Worker
from personalize_local.model.clock import Clock, SystemClock
from personalize_local.model.resources import Account
from personalize_local.settings.quotas import Quotas, Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a local Personalize runs."""

    folder: Path
    """Everything it keeps; made when missing."""
    account: Account = field(default_factory=Account)
    pace: float = 0.2
    """Seconds that a resource stays in each of its PENDING and IN_PROGRESS statuses at least."""
    s3_root: Path | None = None
    """Where `s3://bucket/key` is a file; None: there is an S3."""
    s3_endpoint: str | None = None
    """Where that S3 answers; None: as the environment says, and jobs are refused when it says nothing."""
    role_keys: Callable[[str], Mapping[str, str]] | None = None
    """The keys, as boto3 names them, of the role with this ARN, with which a job reaches S3; None: the server's own."""
    synchronous: str = "NORMAL"
    """SQLite's setting: NORMAL keeps what was acknowledged over `kill -9`, FULL over loss of power too."""
    worker: Worker = field(default_factory=Subprocess)
    clock: Clock = field(default_factory=SystemClock)
    quotas: Quotas = field(default_factory=Quotas)
    rates: Rates | None = None
    """Requests a second; None: as many as come."""
    record_delay: float = 0.0
    """Seconds until filters see a put item or user; the service says within 20 minutes."""
    update_interval: float = 7_200.0
    """Seconds between automatic updates of a served version."""
