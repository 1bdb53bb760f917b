"""What the operations and lifecycles of one account share."""

import threading
from collections.abc import Mapping

from personalize_local.control.faults import Faults
from personalize_local.control.lifecycle import Action, Lifecycle
from personalize_local.control.throttling import Throttle
from personalize_local.control.wake_signal import WakeSignal
from personalize_local.data.data_folder import DataFolder
from personalize_local.data.objects import NO_S3, s3_endpoint
from personalize_local.data.storage import Transaction
from personalize_local.jobs.tasks.tasks import Task
from personalize_local.model.errors import in_use, invalid_input, not_found
from personalize_local.model.resources import ACTIVE, CREATING, DELETING, UPDATING, Kind, Resource
from personalize_local.model.validation import Json
from personalize_local.serving.recent_answers import RecentAnswers
from personalize_local.serving.runtime_api import RuntimeApi
from personalize_local.settings.options import Options


class ServiceContext(DataFolder):
    """Resources, events, lifecycles and serving. Operations run in one thread: the event loop's."""

    def __init__(self, options: Options) -> None:
        super().__init__(options.folder, options.clock, synchronous=options.synchronous)
        self.options, self.account = options, options.account
        self.faults = Faults(options.folder / "faults.json")
        self.throttle = Throttle(options.rates, self.clock, self._group_of) if options.rates else None
        self.lifecycle = Lifecycle(self.store, self.clock, pace=options.pace)
        self.runtime = RuntimeApi(self)
        self.recent_answers = RecentAnswers()
        self.alarm = WakeSignal(self.clock)
        self._trackers: tuple[int, Mapping[str, tuple[Resource, int]]] = (-1, {})

    def need(self, arn: str, kind: Kind, *, active: bool = False, creating: bool = False) -> Resource:
        """The resource, or ResourceNotFoundException; with `active`, ResourceInUseException unless it is usable.

        `creating` takes one that is being made too: what is made from it waits (`Plan.after`).
        """
        resource = self.store.get(arn, kind)
        if resource is None:
            raise not_found(kind, arn)
        if active and resource.status != ACTIVE and not (creating and resource.status in CREATING):
            if resource.status in CREATING | UPDATING | DELETING:
                raise in_use(f"Resource {arn} has status {resource.status}; it must be ACTIVE.")
            raise invalid_input(f"Resource {arn} has status {resource.status}; it must be ACTIVE.")
        return resource

    def admit(self, kind: Kind, group: str | None = None) -> None:
        """LimitExceededException when the quota of the kind is used up."""
        self.options.quotas.check(self.store, kind, group)

    def need_s3(self) -> None:
        """InvalidInputException when jobs could not tell where S3 is."""
        if self.options.s3_root is None and s3_endpoint(self.options.s3_endpoint) is None:
            raise invalid_input(NO_S3)

    def begin(self, changes: Transaction, resource: Resource, action: Action, request: Json) -> None:
        """Start a lifecycle of a resource that shows its first status; `_fault` in the request orders its end."""
        self.lifecycle.begin(changes, resource, action, request.get("_fault", {}))

    def carry_out(self, task: Task, stop: threading.Event) -> Json:
        """The worker's result of the task, which sees every event that was acknowledged before. For lifecycles."""
        self.events.flush()
        return self.options.worker.run(task, stop)

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

    def _group_of(self, tracking_id: str) -> str | None:
        found = self.tracker(tracking_id)
        return found[0].parent if found else None
