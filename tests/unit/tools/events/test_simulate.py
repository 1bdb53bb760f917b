"""The traffic generator's command line."""

from pathlib import Path

import pytest

from infra.settings import load_settings
from tests.unit.tools.events.test_traffic import FakeKinesis
from tools.environment.connection import Connection
from tools.events import simulate as module


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeKinesis:
    connection = Connection(settings=load_settings("local"), state=tmp_path)
    fake = FakeKinesis()
    connection._clients["kinesis"] = fake
    monkeypatch.setattr(module, "connect", lambda environment: connection)
    return fake


def test_events_are_sent_with_their_share_of_malformed(
    kinesis: FakeKinesis, capsys: pytest.CaptureFixture[str]
) -> None:
    """Count and share are as asked."""
    module.simulate(events=200, rate=5000, malformed=0.05, seed=1)
    assert 200 == len(kinesis.taken)
    assert "200 records sent, 10 of them malformed" in capsys.readouterr().out


def test_seed_makes_the_same_visitors(kinesis: FakeKinesis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed at the same moment gives the same bytes."""
    monkeypatch.setattr("time.time", lambda: 1_780_000_000.0)
    module.simulate(events=50, rate=5000, malformed=0.0, seed=1)
    first, kinesis.taken = kinesis.taken, []
    module.simulate(events=50, rate=5000, malformed=0.0, seed=1)
    assert first == kinesis.taken


def test_cloud_that_is_down_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No stack trace for what the caller can mend."""
    monkeypatch.setenv("LOCAL_CLOUD_STATE", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["simulate", "--events", "1"])
    assert 1 == module.main()
    assert "error: the local cloud is not up" in capsys.readouterr().err
