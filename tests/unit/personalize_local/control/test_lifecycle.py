"""Lifecycles on a moved clock: plans, failures, stops, and jobs that a killed server left behind."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from personalize_local.control.lifecycle import Action, Lifecycle, Plan
from personalize_local.data.storage import Store
from personalize_local.model.clock import ManualClock
from personalize_local.model.errors import WorkError, WorkStoppedError
from personalize_local.model.resources import Kind, Resource
from personalize_local.model.validation import Json

STEPS = ("CREATE PENDING", "CREATE IN_PROGRESS")
ARN = "arn:aws:personalize:us-east-1:000000000000:solution/s"
PACE = 10.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "resources.db")
    yield store
    store.close()


def _lifecycle(store: Store, clock: ManualClock, plan: Plan, action: Action = "create") -> Lifecycle:
    plans: dict[tuple[Kind, Action], Plan] = {("solution", action): plan}
    lifecycle = Lifecycle(store, clock, pace=PACE)
    lifecycle.start(plans)
    return lifecycle


def _begin(
    store: Store, lifecycle: Lifecycle, action: Action = "create", outcome: Json | None = None, **body: object
) -> None:
    with store.transaction() as changes:
        known = store.get(ARN)
        if known is None:
            known = changes.add(
                Resource(arn=ARN, kind="solution", name="s", status=STEPS[0], created=1.0, updated=1.0, body=body)
            )
        lifecycle.begin(changes, known, action, outcome or {})


def _status(store: Store) -> str | None:
    resource = store.get(ARN)
    return resource.status if resource else None


def _until(clock: ManualClock, fulfilled: Callable[[], bool], *, step: float = 0.0) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if fulfilled():
            return
        clock.advance(step)
        pause.wait(0.01)
    raise AssertionError("it did not come to that")


def test_each_status_lasts_its_time(store: Store, clock: ManualClock) -> None:
    """Nothing moves before the pace is over; then one status at a time."""
    lifecycle = _lifecycle(store, clock, Plan(STEPS))
    _begin(store, lifecycle)
    clock.advance(PACE - 0.1)
    assert STEPS[0] == _status(store)
    clock.advance(0.1)
    _until(clock, lambda: _status(store) == STEPS[1])
    clock.advance(PACE)
    _until(clock, lambda: _status(store) == "ACTIVE")
    assert [] == store.jobs()
    lifecycle.close()


def test_work_is_done_in_the_last_status(store: Store, clock: ManualClock) -> None:
    """The resource stays in progress until its work has ended, however late, and gets the work's result."""
    release, began = threading.Event(), threading.Event()

    def work(resource: Resource, stop: threading.Event) -> Json:
        assert STEPS[1] == resource.status
        began.set()
        assert release.wait(30)
        return {"rows": 7}

    lifecycle = _lifecycle(
        store, clock, Plan(STEPS, work, lambda _, resource, result: resource.changed(5.0, rows=result["rows"]))
    )
    _begin(store, lifecycle)
    _until(clock, began.is_set, step=PACE)
    clock.advance(10 * PACE)
    assert STEPS[1] == _status(store)
    release.set()
    _until(clock, lambda: _status(store) == "ACTIVE")
    resource = store.get(ARN)
    assert resource is not None
    assert 7 == resource.body["rows"]
    lifecycle.close()


def _failing(error: Exception) -> Callable[[Resource, threading.Event], Json]:
    def work(resource: Resource, stop: threading.Event) -> Json:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (WorkError("No data."), "CREATE FAILED", "No data."),
        (WorkStoppedError(), "CREATE STOPPED", None),
        (ZeroDivisionError("oh"), "CREATE FAILED", "Internal failure: ZeroDivisionError('oh')"),
    ],
)
def test_failures_end_in_their_status(
    store: Store, clock: ManualClock, error: Exception, status: str, reason: str | None
) -> None:
    """What cannot be done fails with its reason, a defect of the server too; a stop is no failure."""
    lifecycle = _lifecycle(store, clock, Plan(STEPS, _failing(error)))
    _begin(store, lifecycle)
    _until(clock, lambda: _status(store) == status, step=PACE)
    resource = store.get(ARN)
    assert resource is not None
    assert reason == resource.body.get("failureReason")
    lifecycle.close()


def test_updates_show_in_their_member(store: Store, clock: ManualClock) -> None:
    """An update's statuses and reason stand in its own member; the resource stays as it is."""
    plan = Plan(STEPS, _failing(WorkError("No.")), shown_in="latestSolutionUpdate")
    lifecycle = _lifecycle(store, clock, plan, "update")
    _begin(store, lifecycle, "update", latestSolutionUpdate={"status": STEPS[0]})

    def update() -> Json:
        resource = store.get(ARN)
        assert resource is not None
        return dict(resource.body["latestSolutionUpdate"])

    _until(clock, lambda: update()["status"] == "CREATE FAILED", step=PACE)
    assert ("No.", STEPS[0]) == (update()["failureReason"], _status(store))
    lifecycle.close()


def test_deletions_leave_nothing(store: Store, clock: ManualClock) -> None:
    """After its last status a deleted resource is gone, and its job."""
    lifecycle = _lifecycle(store, clock, Plan(("DELETE PENDING", "DELETE IN_PROGRESS"), deletes=True), "delete")
    _begin(store, lifecycle, "delete")
    _until(clock, lambda: _status(store) is None, step=PACE)
    assert [] == store.jobs()
    lifecycle.close()


def test_outcomes_on_order_take_the_place_of_the_work(store: Store, clock: ManualClock) -> None:
    """A job that is ordered to fail does not work, and fails as it was told."""
    lifecycle = _lifecycle(store, clock, Plan(STEPS, _failing(AssertionError("worked"))))
    _begin(store, lifecycle, outcome={"status": "CREATE FAILED", "failureReason": "On order."})
    _until(clock, lambda: _status(store) == "CREATE FAILED", step=PACE)
    resource = store.get(ARN)
    assert resource is not None
    assert "On order." == resource.body["failureReason"]
    lifecycle.close()


def test_a_job_goes_on_after_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    """Work that was under way when the server ended begins again at the next start, and ends."""
    began: list[int] = []

    def interrupted(resource: Resource, stop: threading.Event) -> Json:
        began.append(1)
        assert stop.wait(30)
        raise WorkStoppedError

    store = Store(tmp_path / "resources.db")
    lifecycle = _lifecycle(store, clock, Plan(STEPS, interrupted))
    _begin(store, lifecycle)
    _until(clock, lambda: bool(began), step=PACE)
    lifecycle.close()
    store.close()

    store = Store(tmp_path / "resources.db")
    assert STEPS[1] == _status(store)
    lifecycle = _lifecycle(store, clock, Plan(STEPS))
    _until(clock, lambda: _status(store) == "ACTIVE", step=PACE)
    lifecycle.close()
    store.close()


def test_a_rolled_back_job_never_runs(store: Store, clock: ManualClock) -> None:
    """A lifecycle whose transaction fails has not begun."""
    lifecycle = _lifecycle(store, clock, Plan(STEPS))

    class Refused(Exception):  # noqa: N818
        pass

    def refused() -> None:
        with store.transaction() as changes:
            resource = changes.add(Resource(arn=ARN, kind="solution", name="s", created=1.0, updated=1.0))
            lifecycle.begin(changes, resource, "create", {})
            raise Refused

    with pytest.raises(Refused):
        refused()
    clock.advance(5 * PACE)
    assert (None, []) == (_status(store), store.jobs())
    lifecycle.close()
