"""From when on event ids are digests: noted once, never changed."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.settings import load_settings
from lambdas.shared.event_ids import ALWAYS, PENDING, digests_from
from tools.events import event_ids

SETTINGS = load_settings("local")
NAME = SETTINGS.names.event_ids_parameter


class Dated:
    """SSM with the service's own time in its answers, as over HTTP."""

    def __init__(self, ssm: Any, date: str | None) -> None:
        self._ssm, self._date = ssm, date

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ssm, name)

    def get_parameter(self, **request: Any) -> Any:
        answer = self._ssm.get_parameter(**request)
        headers = {} if self._date is None else {"date": self._date}
        return {**answer, "ResponseMetadata": {"HTTPHeaders": headers}}


class Connection:
    settings = SETTINGS

    def __init__(self, ssm: Any, date: str | None = "Sun, 22 Nov 2026 10:00:00 GMT") -> None:
        self._ssm = Dated(ssm, date)

    def client(self, service: str) -> Any:
        assert "ssm" == service
        return self._ssm


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield boto3.client("ssm", region_name="us-east-1")


def said(ssm: Any) -> str:
    return str(ssm.get_parameter(Name=NAME)["Parameter"]["Value"])


def test_it_is_never_overwritten(ssm: Any) -> None:
    """What was noted first stays."""
    for value in (ALWAYS, PENDING):
        event_ids.prepare(Connection(ssm), value)  # type: ignore[arg-type]
    assert ALWAYS == said(ssm)


def test_a_pending_change_gets_its_moment_by_the_services_clock(ssm: Any) -> None:
    """Arrivals are the service's; the computer that deploys may be wrong by hours."""
    connection: Any = Connection(ssm)
    event_ids.prepare(connection, PENDING)
    moment = event_ids.fix(connection)
    assert 1_795_341_600 + event_ids.AHEAD_SECONDS == digests_from(moment)
    assert moment == said(ssm)


@pytest.mark.parametrize("value", [ALWAYS, "1790000000"])
def test_a_moment_is_fixed_once(ssm: Any, value: str) -> None:
    """A deploy that is started again changes nothing."""
    connection: Any = Connection(ssm)
    event_ids.prepare(connection, value)
    assert value == event_ids.fix(connection) == said(ssm)


def test_without_a_date_the_computers_own_clock_is_taken(ssm: Any) -> None:
    """Every service sends one; a fake need not."""
    connection: Any = Connection(ssm, date=None)
    event_ids.prepare(connection, PENDING)
    assert 1.6e9 < digests_from(event_ids.fix(connection)) < 1e11


def test_where_nothing_was_noted_no_forwarder_makes_digests(ssm: Any) -> None:
    """A tool that is newer than the environment uses the ids that its forwarder sends."""
    assert PENDING == event_ids.read(ssm, NAME)
    event_ids.prepare(Connection(ssm), ALWAYS)  # type: ignore[arg-type]
    assert ALWAYS == event_ids.read(ssm, NAME)
