"""The main job, whole, with fewer events than `make run`: from an empty state to its figures and report."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from local_cloud.common.state import REPOSITORY, StateFolder
from local_cloud.identity.decisions import read_decisions, refusals
from local_cloud.supervisor import lifecycle
from local_cloud.supervisor.services import Options
from tests.e2e import published_sample
from tests.e2e.disclosure import disclosed, identifiers
from tests.infra.security_page import justified, purpose
from tools.demo.accounts import read_archive
from tools.demo.cloud import Cloud
from tools.environment.connection import LOCAL, Connection, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EVENTS, MALFORMED = 1000, 5


class Demo:
    """One run of the job in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.state = folder / "state"
        command = [sys.executable, "-m", "tools.demo", "--events", str(EVENTS), "--rate", "500", "--out", str(self.out)]
        environment = os.environ | {"LOCAL_CLOUD_STATE": str(self.state), "COLUMNS": "200"}
        self.ended = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=500
        )
        self.log = "".join(
            log.read_text(encoding="utf-8", errors="replace") for log in StateFolder(self.state).logs.glob("*.log")
        )
        """What functions printed and every process of the cloud said; the next start of the cloud begins new logs."""

    @property
    def figures(self) -> Any:
        return json.loads((self.out / "run.json").read_text())

    @cached_property
    def again(self) -> tuple[list[bytes], int, str]:
        """The archived records, and how `python -m local_cloud rights` ends and what it says: the cloud is up for that.

        Clients of the published sample come last.
        """
        lifecycle.start(StateFolder(self.state), Options())
        try:
            cloud = Cloud(Connection(settings_of(LOCAL), self.state))
            records = read_archive(body for _, body in cloud.archived())
            command = [sys.executable, "-m", "local_cloud", "rights", "--state", str(self.state)]
            rights = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)
            self.sample = published_sample.ask(Connection(settings_of(LOCAL), self.state))
            return records, rights.returncode, rights.stdout + rights.stderr
        finally:
            lifecycle.stop(StateFolder(self.state))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    try:
        yield Demo(folder)
    finally:
        lifecycle.stop(StateFolder(folder / "state"))


def test_job_ends_well_and_says_what_to_do_next(demo: Demo) -> None:
    """Exit code 0, and the closing lines name how to keep it running, try it and stop it."""
    assert (0, "") == (demo.ended.returncode, demo.ended.stderr)
    for command in ("make up", "tools.invoke", "make down"):
        assert command in demo.ended.stdout.split("Done")[-1]


def test_every_event_is_accounted_for(demo: Demo) -> None:
    """sent = accepted + quarantined = archived, nothing lost, nothing twice; the clicks count too."""
    clicks = 21 * 5
    assert {
        "sent": EVENTS + clicks,
        "accepted": EVENTS + clicks - MALFORMED,
        "quarantined": MALFORMED,
        "lost": 0,
        "duplicated": 0,
        "archived": EVENTS + clicks,
    } == demo.figures["events"]


def test_first_training_promotes_both_models_and_the_second_is_judged(demo: Demo) -> None:
    """Two executions, both told by role, decision, reasons and metrics."""
    first, second = demo.figures["executions"]
    assert ("SUCCEEDED", "SUCCEEDED") == (first["status"], second["status"])
    assert [("recommendation", "promoted"), ("reranking", "promoted")] == [
        (solution["role"], solution["decision"]) for solution in first["solutions"]
    ]
    assert {"promoted", "held back"} >= {solution["decision"] for solution in second["solutions"]}
    for solution in (*first["solutions"], *second["solutions"]):
        assert solution["reasons"]
        assert 0 < solution["metrics"]["normalized_discounted_cumulative_gain_at_5"] <= 1


def test_recommendations_follow_the_clicks(demo: Demo) -> None:
    """For at least 18 of 20 visitors; lists are full, and a stranger gets one too."""
    found = demo.figures["recommendation"]
    risen = [after > before for before, after in zip(found["share_before"], found["share_after"], strict=True)]
    assert 20 == len(risen)
    assert sum(risen) >= 18
    assert {25} == {len(found[name]) for name in ("before", "after", "anonymous")}
    assert found["before"] != found["after"]


def test_ranking_is_a_new_order_of_the_same_animals(demo: Demo) -> None:
    """Nothing is added or lost by re-ranking, and the order is the visitor's."""
    found = demo.figures["reranking"]
    assert sorted(found["given"]) == sorted(found["ranking"])
    assert found["given"] != found["ranking"]
    assert "personalize" == found["source"]


def test_report_stands_by_itself(demo: Demo) -> None:
    """Three pictures inline, nothing fetched."""
    page = (demo.out / "report.html").read_text()
    assert 3 == page.count("<svg")
    assert [] == re.findall(r"<(?:script|link|img)\b", page)


def test_nothing_runs_afterwards_and_the_state_is_kept(demo: Demo) -> None:
    """`make up` finds everything as it was."""
    assert lifecycle.running(StateFolder(demo.state)) is None
    assert (demo.state / "delivery" / "checkpoints.sqlite").exists()


def test_no_role_was_refused_anything(demo: Demo) -> None:
    """Every role that works in the run was judged by its own policies, and all of them were enough."""
    decisions = StateFolder(demo.state).decisions
    assert [] == refusals(decisions)
    worked = {(decision.service, decision.action) for decision in read_decisions(decisions) if decision.allowed}
    assert {
        ("lambda", "personalize:PutEvents"),
        ("lambda", "personalize:GetRecommendations"),
        ("lambda", "personalize:GetPersonalizedRanking"),
        ("states", "personalize:CreateSolutionVersion"),
        ("states", "personalize:UpdateCampaign"),
    } <= worked
    _, code, said = demo.again
    assert (0, True) == (code, "; 0 calls were refused." in said), said


def test_every_right_that_was_not_used_has_its_reason(demo: Demo) -> None:
    """What the report lists as unused is in the table of docs/operate/security.md, with why the role has it."""
    _, _, said = demo.again
    lines = [line.split() for line in said.splitlines() if line.startswith("unused ")]
    unused = {(purpose(role), action) for _, role, action, *_ in lines}
    assert len(unused) > 20
    assert set() == unused - justified()


def test_clients_of_the_published_sample_find_what_they_read(demo: Demo) -> None:
    """They look names up, invoke both functions and put an event, all by the account's key and SDK defaults."""
    assert demo.again
    recommended, ranked, put = demo.sample.recommended, demo.sample.ranked, demo.sample.put
    first = json.loads(recommended["body"].replace("[", "").replace("]", "").split(",")[0])
    assert first["id"].split("-")[0] in {"1", "2"}
    body = json.loads(ranked["body"])
    response = body["personalizeResponse"]
    assert ["1", "3", "2"] == body["ranking"]
    assert response["personalizedRanking"][0]["itemId"].split("-")[0] in {"1", "2"}
    assert 2 == len([entry for entry in response["personalizedRanking"] if entry["score"] >= 0.0])
    assert (200, 0) == (response["ResponseMetadata"]["HTTPStatusCode"], response["ResponseMetadata"]["RetryAttempts"])
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    assert response["ResponseMetadata"]["RequestId"] == headers["x-amzn-requestid"]
    assert ("KMS", 200) == (put["EncryptionType"], put["ResponseMetadata"]["HTTPStatusCode"])


def test_no_log_tells_of_visitors(demo: Demo) -> None:
    """Of 1,105 records, good and malformed, no log line holds a user, a session, an event; nor a signed address."""
    records, _, _ = demo.again
    assert EVENTS + 21 * 5 == len(records)
    assert len(set().union(*map(identifiers, records))) > EVENTS
    assert "batch forwarded" in demo.log
    assert [] == disclosed(demo.log, records)
