"""The storm over the deployed pipeline; then what it left behind is brought back, and replayed."""

import csv
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.testing import CliRunner

from tests.deadline import eventually
from tests.faults.malformed import MALFORMATIONS
from tests.faults.pipeline import Pipeline, deployed
from tests.faults.run import SHARDS, drive
from tests.faults.site import records
from tests.faults.storm import Deed
from tools.deploy.cdk import REPOSITORY
from tools.environment.connection import STATE_VARIABLE
from tools.events import redrive, replay

EVENTS, SEED = 50_000, 7
"""`python -m tests.faults` is the same storm by itself; docs/operate/reliability.md says what it costs."""

PATIENCE = 120.0


def stored(pipeline: Pipeline) -> int:
    with closing(pipeline.events()) as database:
        return int(database.execute("SELECT count(*) FROM event").fetchone()[0])


def start(tool: str, options: Sequence[str]) -> "subprocess.Popen[bytes]":
    """The tool in a process of its own, which can be killed."""
    return subprocess.Popen([sys.executable, "-m", f"tools.{tool}", *options], cwd=REPOSITORY)


def output(app: typer.Typer, *options: str) -> str:
    """What the tool says; it must end well."""
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


def notes(pipeline: Pipeline) -> list[str]:
    """The notes of what was redriven."""
    listing = pipeline.client("s3").list_objects_v2(Bucket=pipeline.bucket("quarantine"), Prefix=redrive.NOTES)
    return [entry["Key"] for entry in listing.get("Contents", ())]


def replayed(progress: Path) -> int:
    """How many events a replay has sent so far; 0 as well while its file and tables are being made."""
    try:
        with closing(sqlite3.connect(f"{progress.as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM event WHERE state = 'sent'").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_lost_and_what_failed_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger balances; redriven, the rest is stored once, in quarantine what never can be; replayed, nothing twice."""
    monkeypatch.setenv("DELIVERY_TIME_SCALE", "0.01")  # the archive need not be waited for
    with deployed(tmp_path, shards=SHARDS) as pipeline:
        monkeypatch.setenv(STATE_VARIABLE, str(pipeline.cloud.state.root))
        report = drive(pipeline, EVENTS, SEED)
        assert report.balances, report.as_json()
        assert report.balance.failure_destination >= 1
        assert set(get_args(Deed)) == set(report.acts)

        pipeline.calm()
        sent = list(records(EVENTS, SEED))
        assert {*MALFORMATIONS, "refused by Personalize"} == {record.kind for record in sent if record.kind}
        valid = sum(record.stored is not None for record in sent)
        timed = {record.number for record in sent if record.stored is not None and record.stored[4] is not None}
        missing = valid - stored(pipeline)
        assert missing >= 1
        assert "dry run" in output(redrive.app)
        assert [] == notes(pipeline)
        output(redrive.app, "--send")
        eventually(lambda: stored(pipeline) == valid, seconds=PATIENCE, what="storing what was redriven")
        assert "nothing to send" in output(redrive.app, "--send")
        assert valid == stored(pipeline)

        hours = replay_hours()
        table = tmp_path / "replay.csv"
        output(replay.app, *hours, "--csv", str(table), "--progress", str(tmp_path / "csv.sqlite"))
        with table.open(encoding="utf-8", newline="") as file:
            numbers = [int(row["EVENT_VALUE"]) for row in csv.DictReader(file)]
        assert timed <= set(numbers)
        assert len(numbers) == len(set(numbers))

        progress = tmp_path / "tracker.sqlite"
        options = (*hours, "--tracker", "--progress", str(progress))
        with start("replay", options) as killed:
            eventually(lambda: replayed(progress) or killed.poll() is not None, seconds=PATIENCE, what="a first call")
            killed.send_signal(signal.SIGKILL)
        refused = {record.number for record in sent if record.kind == "refused by Personalize"} & set(numbers)
        assert f"{len(refused)} refused" in output(replay.app, *options)
        assert replayed(progress) >= len(numbers) - len(refused)
        assert valid == stored(pipeline)


def replay_hours() -> tuple[str, ...]:
    """The hours in which the run's records arrived, and their neighbours."""
    now = datetime.now(UTC).replace(tzinfo=None)
    first, last = now - timedelta(hours=1), now + timedelta(hours=1)
    return ("--by", "arrival", "--from", first.isoformat(), "--to", last.isoformat())
