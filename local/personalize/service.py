"""The whole local Personalize over one data folder, without HTTP around it."""

import fcntl
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from local.personalize import events as event_storage
from local.personalize.clock import Clock, SystemClock
from local.personalize.contents import Contents
from local.personalize.errors import in_use, invalid_input, not_found
from local.personalize.faults import Faults
from local.personalize.lifecycle import Action, Lifecycle
from local.personalize.plans import plans
from local.personalize.quotas import Quotas
from local.personalize.resources import ACTIVE, CREATING, DELETING, Account, Kind, Resource
from local.personalize.schedule import Schedule
from local.personalize.serving import Serving
from local.personalize.storage import Transaction
from local.personalize.throttling import Rates, Throttle
from local.personalize.validation import Json
from local.personalize.work import Subprocess, Worker

_TIDY_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a local Personalize runs."""

    folder: Path
    """Everything it keeps; made when missing."""
    account: Account = field(default_factory=Account)
    pace: float = 0.2
    """Seconds that a resource stays in each of its PENDING and IN_PROGRESS statuses at least."""
    s3_root: Path | None = None
    """Where `s3://bucket/key` is a file; None: S3 as the environment says."""
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


class FolderInUseError(RuntimeError):
    """Another server runs on the data folder."""


def _locked(folder: Path) -> IO[str]:
    """An open file that keeps other servers out of the folder until it is closed, or the process has ended."""
    file = (folder / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise FolderInUseError(f"another server runs on {folder}") from None
    return file


class Personalize(Contents):
    """Resources, events, lifecycles and serving of one account. Operations run in one thread: the event loop's."""

    def __init__(self, options: Options) -> None:
        self.options, self.account = options, options.account
        options.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(options.folder)
        super().__init__(options.folder, options.clock, synchronous=options.synchronous)
        self.faults = Faults(options.folder / "faults.json")
        self.throttle = Throttle(options.rates) if options.rates else None
        self.lifecycle = Lifecycle(self.store, self.clock, pace=options.pace, plans=plans(self))
        self.serving = Serving(self)
        self.schedule = Schedule(self)
        self._trackers: tuple[int, Mapping[str, tuple[Resource, int]]] = (-1, {})
        self._closing = threading.Event()
        self._tidying = threading.Thread(target=self._tidy, name="tidy", daemon=True)

    def start(self) -> None:
        """Remove what no resource names any more, and go on with the lifecycles that were under way."""
        self._sweep()
        self.lifecycle.start()
        self.schedule.start()
        self._tidying.start()

    def close(self) -> None:
        """Stop the threads and release the files."""
        self._closing.set()
        self.schedule.close()
        self.lifecycle.close()
        self._tidying.join()
        super().close()
        self._lock.close()

    def _sweep(self) -> None:
        kept = {folder for dataset in self.store.every("dataset") for folder in self.bulk(dataset)}
        kept |= {str(self.model_folder(version)) for version in self.store.every("solution-version")}
        for parent in ("imports", "models"):
            for folder in (self.options.folder / parent).glob("*"):
                if str(folder) not in kept:
                    shutil.rmtree(folder, ignore_errors=True)

    def _tidy(self) -> None:
        while not self._closing.wait(_TIDY_SECONDS):
            event_storage.tidy(self.events_path)

    # --- what the operations share

    def need(self, arn: str, kind: Kind, *, active: bool = False) -> Resource:
        """The resource, or ResourceNotFoundException; with `active`, ResourceInUseException unless it is usable."""
        resource = self.store.get(arn, kind)
        if resource is None:
            raise not_found(arn)
        if active and resource.status != ACTIVE:
            if resource.status in CREATING | DELETING:
                raise in_use(f"Resource {arn} has status {resource.status}; it must be ACTIVE.")
            raise invalid_input(f"Resource {arn} has status {resource.status}; it must be ACTIVE.")
        return resource

    def admit(self, kind: Kind, group: str | None = None) -> None:
        """LimitExceededException when the quota of the kind is used up."""
        self.options.quotas.check(self.store, kind, group)

    def begin(self, changes: Transaction, resource: Resource, action: Action, request: Json) -> None:
        """Start a lifecycle of a resource that shows its first status; `_fault` in the request orders its end."""
        self.lifecycle.begin(changes, resource, action, request.get("_fault", {}))

    def tracker(self, tracking_id: str) -> tuple[Resource, int] | None:
        """The event tracker with this tracking id, and the id of the Interactions dataset that its events go to."""
        version, trackers = self._trackers
        if version != self.store.version:
            version, trackers = self.store.version, {}
            for tracker in self.store.every("event-tracker"):
                dataset = self.datasets(tracker.parent).get("INTERACTIONS")
                if dataset is not None:
                    trackers = {**trackers, tracker.body["trackingId"]: (tracker, dataset.id)}
            self._trackers = (version, trackers)
        return trackers.get(tracking_id)
