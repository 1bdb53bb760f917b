"""The popular list: packaged, read in the background, refreshed, kept when reading fails."""

import http.client
import io
import json
import ssl
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import boto3
import pytest
import urllib3
from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError

from lambdas.shared.errors import PayloadError
from lambdas.shared.popular import PACKAGED, REFRESH_SECONDS, RETRY_SECONDS, PopularGroups, parse_popular


class Threads(ThreadPoolExecutor):
    """Runs what it is given when the test says so."""

    def __init__(self) -> None:
        super().__init__(1)
        self.waiting: list[Callable[[], None]] = []

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append(lambda: future.set_result(work(*args, **kwargs)))
        return future

    def run(self) -> int:
        """Do all that waits; how much that was."""
        works, self.waiting = self.waiting, []
        for work in works:
            work()
        return len(works)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def world(aws, tmp_path):
    """A list in the package (Pug, Beagle), none in S3 yet, a clock and threads that obey."""
    packaged = tmp_path / "popular.json"
    packaged.write_text(listing("2-Pug-1-4", "2-Beagle-3-3"))
    clock, threads = Clock(), Threads()
    groups = PopularGroups(
        boto3.client("s3"), "seed", "popular/g1.json", threads=threads, packaged=packaged, clock=clock
    )
    return groups, clock, threads


def listing(*item_ids: str) -> str:
    return json.dumps({"itemList": [{"itemId": item_id} for item_id in item_ids]})


def promote(*item_ids: str) -> None:
    boto3.client("s3").put_object(Bucket="seed", Key="popular/g1.json", Body=listing(*item_ids).encode())


def test_the_packaged_list_answers_first(world):
    """Before anything was read the packaged list is there at once."""
    groups, _, _ = world

    assert ("2-Pug-1-4", "2-Beagle-3-3") == groups.groups(wait_seconds=0)


def test_the_promoted_list_leads_and_the_packaged_one_follows(world):
    """What the last promotion wrote comes first; the rest of the package makes long answers possible."""
    groups, _, threads = world
    promote("1-Siamese-2-2", "2-Beagle-3-3")

    groups.refresh()
    threads.run()

    assert ("1-Siamese-2-2", "2-Beagle-3-3", "2-Pug-1-4") == groups.groups(wait_seconds=0)


def test_nobody_waits_longer_than_told(world):
    """While the list is being read the last known one answers."""
    groups, _, _ = world
    promote("1-Siamese-2-2")

    groups.refresh()

    assert ("2-Pug-1-4", "2-Beagle-3-3") == groups.groups(wait_seconds=0.001)


def test_the_list_is_read_again_only_when_it_is_old(world):
    """One reading in five minutes; a new promotion is seen at the next."""
    groups, clock, threads = world
    promote("1-Siamese-2-2")
    groups.refresh()
    groups.refresh()
    assert 1 == threads.run()
    groups.refresh()
    assert 0 == threads.run()

    promote("1-Persian-2-2")
    clock.now += REFRESH_SECONDS
    groups.refresh()
    threads.run()

    assert "1-Persian-2-2" == groups.groups(wait_seconds=0)[0]


@pytest.mark.parametrize(
    "content", [None, b"{", b"{}", b'{"itemList": []}', b'{"itemList": [{"itemId": "pug"}]}', b"\xff", b" " * 300_000]
)
def test_a_list_that_cannot_be_used_changes_nothing(world, content):
    """A missing or broken object leaves the last list in place and is tried again soon."""
    groups, clock, threads = world
    promote("1-Siamese-2-2")
    groups.refresh()
    threads.run()
    before = groups.groups(wait_seconds=0)
    s3 = boto3.client("s3")
    if content is None:
        s3.delete_object(Bucket="seed", Key="popular/g1.json")
    else:
        s3.put_object(Bucket="seed", Key="popular/g1.json", Body=content)

    clock.now += REFRESH_SECONDS
    groups.refresh()
    threads.run()
    assert before == groups.groups(wait_seconds=0)

    clock.now += RETRY_SECONDS
    groups.refresh()
    assert 1 == threads.run()


def test_the_package_holds_a_usable_list():
    """The shipped list is made of groups, each once."""
    shipped = parse_popular(PACKAGED.read_bytes())

    assert len(shipped) == len(set(shipped)) > 0


def test_a_list_of_something_else_is_refused():
    """Items without ids are no list."""
    with pytest.raises(PayloadError):
        parse_popular(b'{"itemList": [5]}')


class BrokenBody:
    """The body of an object whose reading fails with what a connection may raise."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.closed = False

    def read(self, amount: int) -> bytes:
        raise self.error

    def close(self) -> None:
        self.closed = True


ODD = (
    ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC]"), urllib3.exceptions.SSLError("bad record"),
    urllib3.exceptions.ProtocolError("broken"), urllib3.exceptions.DecodeError("no gzip"), ConnectionResetError(),
    http.client.IncompleteRead(b"x"), http.client.LineTooLong("header"), http.client.BadStatusLine("?"), OSError("disk"),
    UnicodeDecodeError("utf-8", b"x", 0, 1, "no"), ValueError("invalid literal"), KeyError("Body"), IndexError(),
    TypeError(), AttributeError(), OverflowError(), RecursionError(), RuntimeError("cannot start"), MemoryError(),
    EOFError(), TimeoutError(), AssertionError(), ResponseParserError("odd"), ReadTimeoutError(endpoint_url="x"),
    ResponseStreamingError(error="x"), IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ClientError({"Error": {"Code": "SlowDown"}}, "GetObject"), NoCredentialsError(),
)  # fmt: skip


@pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", ["call", "body"])
def test_no_failure_of_a_reading_outlives_it(error, place, tmp_path):
    """Whatever a reading raises, nobody who asks gets it, and the next reading begins afresh."""
    packaged = tmp_path / "popular.json"
    packaged.write_text(listing("2-Pug-1-4"))
    body = BrokenBody(error)
    clock = Clock()

    class S3:
        broken = True

        def get_object(self, **_: object) -> dict[str, Any]:
            if self.broken and place == "call":
                raise error
            good = io.BytesIO(listing("1-Siamese-2-2").encode())
            return {"Body": body if self.broken else good}

    s3 = S3()
    with ThreadPoolExecutor(1) as threads:
        groups = PopularGroups(s3, "seed", "key", threads=threads, packaged=packaged, clock=clock)
        for _ in range(3):
            groups.refresh()
            assert ("2-Pug-1-4",) == groups.groups(wait_seconds=10)
        assert body.closed == (place == "body")
        s3.broken = False
        clock.now += RETRY_SECONDS
        groups.refresh()
        assert ("1-Siamese-2-2", "2-Pug-1-4") == groups.groups(wait_seconds=10)


def test_groups_of_before_the_rule_are_left_out():
    """A list that was written when breeds were free keeps its other groups, each once."""
    data = listing("2-Pug-1-4", "2-<b>-1-4", "2-www.example.com-1-4", "1-Siamese-2-2", "2-Pug-1-4").encode()

    assert ("2-Pug-1-4", "1-Siamese-2-2") == parse_popular(data)
