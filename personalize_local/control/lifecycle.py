"""Lifecycles: how resources pass through their statuses, visibly, and over restarts.

A plan says through which statuses an action leads, what work it does in the last of them, and what becomes of the
resource then. The job behind it is stored in the same transaction as the resource, so a server that was killed goes on
where it was: work that had begun begins again.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from personalize_local.data.storage import Job, Store, Transaction
from personalize_local.model.clock import Clock
from personalize_local.model.errors import WorkError, WorkStoppedError
from personalize_local.model.resources import (
    ACTIVE,
    CREATE_FAILED,
    CREATE_STOPPED,
    CREATE_STOPPING,
    CREATING,
    DELETING,
    Kind,
    Resource,
)
from personalize_local.model.validation import Json

_LOG = logging.getLogger(__name__)
Action = Literal["create", "update", "delete"]
_WORKERS = 16
"""Threads that wait for work; the heavy part runs elsewhere, and `work` limits how much of it at once."""


def _no_work(resource: Resource, stop: threading.Event) -> Json:
    return {}


def _nothing(resource: Resource) -> None:
    return None


def _unchanged(changes: Transaction, resource: Resource, result: Json) -> Resource:
    return resource


@dataclass(frozen=True, slots=True)
class Plan:
    """One action on one kind of resource."""

    steps: tuple[str, ...]
    """Statuses on the way; the operation sets the first, the work is done in the last."""
    work: Callable[[Resource, threading.Event], Json] = _no_work
    """Runs in a thread of its own; WorkError ends the action in failure."""
    end: Callable[[Transaction, Resource, Json], Resource] = _unchanged
    """Gets the work's result; returns the resource as it is once the action has succeeded."""
    after: Callable[[Resource], str | None] = _nothing
    """ARN of what must be ACTIVE before the first step ends; when it fails, so does this action."""
    shown_in: str | None = None
    """The member of the body that shows the status (`latestCampaignUpdate`); None: the resource's own status."""
    shows_itself: bool = False
    """With `shown_in`: the resource shows the steps too, and is ACTIVE again at the end, whatever that is."""
    deletes: bool = False
    done: str = ACTIVE
    """The status of success."""
    failed: str = CREATE_FAILED
    """The status of failure."""


Plans = Mapping[tuple[Kind, Action], Plan]


class Lifecycle:
    """Moves every job on when its time has come. One thread decides, a few do the work."""

    def __init__(self, store: Store, clock: Clock, *, pace: float) -> None:
        self._store, self._clock, self._pace = store, clock, pace
        self._plans: Plans = {}
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._working: dict[str, tuple[Future[Json], threading.Event]] = {}
        self._closing = False
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="work")
        self._thread = threading.Thread(target=self._run, name="lifecycle", daemon=True)

    def start(self, plans: Plans) -> None:
        """Go on with every job that is stored, then take new ones."""
        self._plans = plans
        with self._changed:
            self._jobs = {job.arn: job for job in self._store.jobs()}
        self._thread.start()

    def close(self) -> None:
        """Stop; work that is under way is given up and begins again at the next start."""
        with self._changed:
            self._closing = True
            working = list(self._working.values())
            self._changed.notify_all()
        for _, stop in working:
            stop.set()
        self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def running(self) -> bool:
        """Whether jobs are moved on; False before the start, after the end, and after a defect that the log tells."""
        return self._thread.is_alive()

    def begin(self, changes: Transaction, resource: Resource, action: Action, outcome: Json) -> None:
        """Store the job of an action whose first status the resource already shows; it runs once that is committed."""
        job = Job(resource.arn, action, 0, self._clock.now() + self._pace, outcome)
        changes.put_job(job)
        changes.after_commit.append(lambda: self._take(job))

    def _take(self, job: Job) -> None:
        with self._changed:
            self._jobs[job.arn] = job
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def stop(self, arn: str) -> None:
        """Have the work of a resource given up; it ends as CREATE STOPPED."""
        with self._changed:
            if arn in self._working:
                self._working[arn][1].set()
            self._changed.notify_all()

    def _run(self) -> None:
        while jobs := self._jobs_now():
            moved = [job for job in jobs if self._move(job)]
            if not moved:
                self._wait_after(jobs)

    def _jobs_now(self) -> list[Job]:
        """The jobs, once there are any; none when the server closes."""
        with self._changed:
            while not self._jobs and not self._closing:
                self._clock.wait(self._changed, None)
            return [] if self._closing else list(self._jobs.values())

    def _wait_after(self, jobs: list[Job]) -> None:
        """Wait until a job of these is due, work ends, or there are other jobs; the server's closing ends it too."""
        with self._changed:
            if not self._closing and jobs == list(self._jobs.values()) and not self._anything_due():
                self._clock.wait(self._changed, self._next_due())

    def _anything_due(self) -> bool:
        now = self._clock.now()
        return any(job.due <= now and self._can_move(job) for job in self._jobs.values())

    def _is_working(self, arn: str) -> bool:
        working = self._working.get(arn)
        return working is not None and not working[0].done()

    def _next_due(self) -> float | None:
        return min((job.due for job in self._jobs.values() if self._can_move(job)), default=None)

    def _can_move(self, job: Job) -> bool:
        """Whether nothing but time is between a job and its next step."""
        if self._is_working(job.arn):
            return False
        before = self._before(job)
        return before is None or before[1] is None or before[1].status not in CREATING

    def _before(self, job: Job) -> tuple[str, Resource | None] | None:
        """ARN and state of the resource that a job comes after; None when it comes after none, or has begun."""
        resource = self._store.get(job.arn)
        if job.step or resource is None or resource.status == CREATE_STOPPING:
            return None
        arn = self._plans[resource.kind, _action(job)].after(resource)
        return None if arn is None else (arn, self._store.get(arn))

    def _move(self, job: Job) -> bool:
        """Take the job one step on if it can; whether it did."""
        resource = self._store.get(job.arn)
        if resource is None:
            return False
        plan = self._plans[resource.kind, _action(job)]
        if not self._can_move(job):
            return False
        last = job.step == len(plan.steps) - 1
        if last and job.arn not in self._working:
            self._begin_work(job, plan, resource)
        if self._clock.now() < job.due:
            return False
        if not last:
            self._next_step(job, plan)
            return True
        if self._is_working(job.arn):  # since just now
            return False
        self._finish(job, plan)
        return True

    def _begin_work(self, job: Job, plan: Plan, resource: Resource) -> None:
        stop = threading.Event()
        if resource.status == CREATE_STOPPING:
            stop.set()
        work = _no_work if "status" in job.outcome else plan.work
        future = self._pool.submit(work, resource, stop)
        with self._changed:
            self._working[job.arn] = (future, stop)
        future.add_done_callback(lambda _: self._wake())

    def _next_step(self, job: Job, plan: Plan) -> None:
        with self._store.transaction() as changes:
            resource = self._store.get(job.arn)
            if resource is None:
                return
            now = self._clock.now()
            outcome = self._without_parent(job, plan) or job.outcome
            moved = Job(job.arn, job.action, job.step + 1, now + self._pace, outcome)
            if resource.status != CREATE_STOPPING:
                changes.put(_showing(plan, resource, now, plan.steps[moved.step], None))
            changes.put_job(moved)
        with self._changed:
            self._jobs[job.arn] = moved

    def _without_parent(self, job: Job, plan: Plan) -> Json | None:
        """The end of a job whose work cannot be done because what it comes after has failed or is gone."""
        before = self._before(job)
        if before is None:
            return None
        arn, parent = before
        if parent is None:
            return {"status": plan.failed, "failureReason": f"{arn} was deleted."}
        if parent.status != CREATE_FAILED and parent.status not in DELETING:
            return None
        why = parent.body.get("failureReason")
        reason = f"{arn} has status {parent.status}" + (f": {why}" if why else ".")
        return {"status": plan.failed, "failureReason": reason}

    def _finish(self, job: Job, plan: Plan) -> None:
        with self._changed:
            future, _ = self._working[job.arn]
        if future.cancelled():
            return
        now = self._clock.now()
        failure = self._failure(job, plan, future)
        if failure is not None and failure[0] == CREATE_STOPPED and self._closing:
            return
        with self._store.transaction() as changes:
            resource = self._store.get(job.arn)
            if resource is None:
                return
            changes.delete_job(job.arn)
            if failure is not None:
                changes.put(_showing(plan, resource, now, *failure))
            elif plan.deletes:
                plan.end(changes, resource, future.result())
                changes.delete(job.arn)
            else:
                result = future.result()
                if "metrics" in job.outcome:
                    result = {**result, "metrics": {**result.get("metrics", {}), **job.outcome["metrics"]}}
                ended = plan.end(changes, resource, result)
                changes.put(_showing(plan, ended, now, plan.done, None))
        with self._changed:
            self._working.pop(job.arn, None)
            if self._jobs.get(job.arn) == job:
                del self._jobs[job.arn]

    def _failure(self, job: Job, plan: Plan, future: "Future[Json]") -> tuple[str, str | None] | None:
        """Status and reason of an action that did not succeed."""
        if "status" in job.outcome:
            return job.outcome["status"], job.outcome.get("failureReason", "A fault on order.")
        error = future.exception()
        match error:
            case None:
                return None
            case WorkStoppedError():
                return CREATE_STOPPED, None
            case WorkError():
                return plan.failed, str(error)
            case _:
                # A defect of this server: the resource must not hang in progress, and the log must say why.
                _LOG.error("%s of %s failed", job.action, job.arn, exc_info=error)
                return plan.failed, f"Internal failure: {error!r}"


def _action(job: Job) -> Action:
    match job.action:
        case "create" | "update" | "delete":
            return job.action
        case other:
            raise ValueError(f"no action {other!r}")


def _showing(plan: Plan, resource: Resource, now: float, status: str, reason: str | None) -> Resource:
    if plan.shown_in is None:
        return resource.changed(now, status=status, failureReason=reason)
    shown = {**resource.body[plan.shown_in], "status": status, "lastUpdatedDateTime": now}
    if reason is not None:
        shown["failureReason"] = reason
    body: Json = {plan.shown_in: shown}
    itself = (status if status in plan.steps else ACTIVE) if plan.shows_itself else None
    return resource.changed(now, status=itself, **body)
