"""Whether the environment sleeps, as the serving functions learn it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lambdas.shared.sleep import KEPT_SECONDS, Sleep

NOT_FOUND = "ResourceNotFoundException"


class Ssm:
    """A parameter store of one parameter; None is none, an exception is raised."""

    def __init__(self, value: str | Exception | None) -> None:
        self.value = value
        self.reads = 0
        self.made = 0

    def make(self) -> "Ssm":
        self.made += 1
        return self

    def get_parameter(self, **request: str) -> dict[str, Any]:
        self.reads += 1
        assert request == {"Name": "/pets/dev/asleep"}
        if isinstance(self.value, Exception):
            raise self.value
        if self.value is None:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": "none"}}, "GetParameter")
        return {"Parameter": {"Value": self.value}}


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def sleep_of(ssm: Ssm, threads: ThreadPoolExecutor, clock: list[float] | None = None) -> Sleep:
    now = clock or [0.0]
    return Sleep(ssm.make, "/pets/dev/asleep", threads=threads, clock=lambda: now[0])


@pytest.mark.parametrize("code", [NOT_FOUND, "InvalidInputException"])
def test_a_campaign_that_is_not_there_is_explained(threads: ThreadPoolExecutor, code: str) -> None:
    """While it is being deleted Personalize may call the request invalid instead."""
    assert sleep_of(Ssm("true"), threads).explains(code, wait_seconds=30)


@pytest.mark.parametrize(
    "value",
    [
        "false",
        "none",
        "",
        None,
        EndpointConnectionError(endpoint_url="x"),
        RuntimeError("odd"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetParameter"),
    ],
)
def test_what_is_not_said_is_no_sleep(threads: ThreadPoolExecutor, value: str | Exception | None) -> None:
    """Neither another value nor a parameter that cannot be read hides a failure, and none outlives its request."""
    ssm = Ssm(value)
    sleep = sleep_of(ssm, threads)
    assert [False, False] == [sleep.explains(NOT_FOUND, wait_seconds=30) for _ in range(2)]
    assert ssm.reads == 1


def test_other_failures_are_not_explained_and_read_nothing(threads: ThreadPoolExecutor) -> None:
    """Throttling is throttling, asleep or awake; not even a client is made for it."""
    ssm = Ssm("true")
    sleep = sleep_of(ssm, threads)
    assert not any(
        sleep.explains(code, wait_seconds=30) for code in ("ThrottlingException", "DeadlineExceeded", "OutOfTime")
    )
    assert (ssm.made, ssm.reads) == (0, 0)


def test_it_is_read_once_a_minute(threads: ThreadPoolExecutor) -> None:
    """What was read holds for a minute; then it is read anew, with the same client."""
    ssm, now = Ssm("true"), [0.0]
    sleep = sleep_of(ssm, threads, now)
    assert all(sleep.explains(NOT_FOUND, wait_seconds=30) for _ in range(5))
    ssm.value = "false"
    assert sleep.explains(NOT_FOUND, wait_seconds=30)
    now[0] += KEPT_SECONDS
    assert not sleep.explains(NOT_FOUND, wait_seconds=30)
    assert (ssm.made, ssm.reads) == (1, 2)


def test_nobody_waits_longer_than_their_time(threads: ThreadPoolExecutor) -> None:
    """A parameter store that stalls makes an answer a fallback; the next request has what it said in the end."""
    goes_on, ssm = Event(), Ssm("true")
    sleep = Sleep(lambda: goes_on.wait(60) and ssm, "/pets/dev/asleep", threads=threads)
    assert not sleep.explains(NOT_FOUND, wait_seconds=0)
    goes_on.set()
    assert sleep.explains(NOT_FOUND, wait_seconds=30)
    assert ssm.reads == 1


def test_without_a_parameter_nothing_sleeps(threads: ThreadPoolExecutor) -> None:
    """A function that was deployed without one asks nobody."""
    ssm = Ssm("true")
    assert not Sleep(ssm.make, "", threads=threads).explains(NOT_FOUND, wait_seconds=30)
    assert ssm.made == 0
