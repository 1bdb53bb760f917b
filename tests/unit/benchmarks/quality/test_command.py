"""The whole benchmark in small: contestants in their processes, on a constructed log."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.quality import command as quality
from benchmarks.quality.answer_cache import AnswerCache
from benchmarks.quality.command import command_line
from benchmarks.quality.contestants import UnknownContestantError, entry
from benchmarks.quality.cut import Cut, SealError, cut
from benchmarks.quality.data import Log
from benchmarks.quality.evaluation import Evaluation, evaluate
from benchmarks.quality.figures import METRICS
from benchmarks.quality.run import ContestantError, Entry, run
from tests.unit.benchmarks.quality.logs import poisoned, ring_log, write_csv

ROOT = Path(__file__).resolve().parents[4]
EASE = Entry(
    "EASE",
    "benchmarks.peers.linear",
    "ease",
    settings=({"penalty": 1e6, "memory": None}, {"penalty": 1.0, "memory": 0.3}),
    seeds=1,
)


def evaluated(log: Log, folder: Path, *entries: Entry, test: bool) -> tuple[Evaluation, list[str]]:
    progress: list[str] = []
    task = cut(log, Cut.LEAVE_ONE_OUT)
    return evaluate(task, entries, AnswerCache(folder), seeds=2, test=test, progress=progress.append), progress


def test_poisoned_test_items_change_no_choice_and_no_answer(tmp_path: Path) -> None:
    """Settings, progress and the digest of all answers are the same whatever is sealed; the figures are not."""
    log = ring_log()
    (first, progress), (second, second_progress) = (
        evaluated(one, tmp_path / str(number), EASE, test=True) for number, one in enumerate((log, poisoned(log, 0)))
    )
    assert first.frozen == second.frozen
    assert [row.setting for row in first.rows] == [row.setting for row in second.rows]
    assert [line.rpartition("  ")[0] for line in progress] == [line.rpartition("  ")[0] for line in second_progress]
    assert first.rows[0].figures["NDCG@10"].mean > second.rows[0].figures["NDCG@10"].mean


def test_validation_items_choose(tmp_path: Path) -> None:
    """On a log where the last item tells the next, the setting that reads the last item is chosen."""
    evaluation, _ = evaluated(ring_log(), tmp_path, EASE, test=False)
    assert {"penalty": 1.0, "memory": 0.3} == evaluation.rows[0].setting


def test_without_a_test_the_seal_stays_closed(tmp_path: Path) -> None:
    """Validation figures need no test item: the seal can still be opened for the first time."""
    task = cut(ring_log(), Cut.LEAVE_ONE_OUT)
    popularity = Entry("popularity", "benchmarks.peers.linear", "popularity", seeds=1)
    assert evaluate(task, [popularity], AnswerCache(tmp_path), seeds=1, test=False, progress=print).frozen is None
    with pytest.raises(SealError, match="frozen answers only"):
        task.sealed.open(object())  # type: ignore[arg-type]


def test_a_failing_contestant_is_named(tmp_path: Path) -> None:
    """The error holds the contestant's setting and the end of what its process said."""
    with pytest.raises(ContestantError, match=r"(?s)EASE.*penalty.*unexpected"):
        run(
            EASE,
            {"penalty": 1.0, "unexpected": 2},
            cut(ring_log(), Cut.LEAVE_ONE_OUT),
            AnswerCache(tmp_path),
            seed=0,
            progress=print,
        )


def test_the_claims_name_no_folder_of_a_computer() -> None:
    """Files of interactions, and whatever else was given with its whole path, go by their names."""
    words = ["--interactions", "../data/log.csv", "/data/u.data", "--kept", "/home/me/kept", "--json", "out/q.json"]
    assert "log.csv u.data --kept kept --json out/q.json" == command_line(words).partition("--interactions ")[2]


def test_an_unknown_contestant_is_named() -> None:
    """The error lists who there is."""
    with pytest.raises(UnknownContestantError, match="EASE"):
        entry("nobody")


def test_the_command_prints_a_table_and_writes_json_and_a_plot(tmp_path: Path) -> None:
    """Default model, its parts and a peer, beside each other, with intervals, costs and a comparison."""
    path = write_csv(ring_log(), tmp_path / "log.csv")
    figures, drawn = tmp_path / "out/quality.json", tmp_path / "out/quality.svg"
    table = tmp_path / "quality.md"
    files = ["--interactions", str(path), "--json", str(figures), "--plot", str(drawn), "--markdown", str(table)]
    files += ["--kept", str(tmp_path)]
    command = [
        sys.executable,
        "-m",
        "benchmarks.quality",
        *files,
        "--model",
        "sequence",
        "popularity",
        "--seeds",
        "1",
        "--parts",
    ]

    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)

    (found,) = json.loads(figures.read_text(encoding="utf-8"))["logs"]
    assert (60, 30, 540, 60) == tuple(found[name] for name in ("users", "items", "events", "asked"))
    wholes = {row["model"]: row for row in found["rows"] if not row["part"] and row["not_ranked"] == "whole"}
    assert ["sequence", "popularity"] == list(wholes)
    for row in wholes.values():
        assert list(METRICS) == list(row["figures"])
        assert all(figure["low"] <= figure["mean"] <= figure["high"] for figure in row["figures"].values())
        assert row["costs"]["peak_mebibytes"] > row["costs"]["mebibytes_before_training"] > 0
    assert any(row["part"] for row in found["rows"] if row["model"] == "sequence")
    assert "popularity" == found["comparisons"][0]["peer"]
    assert found["comparisons"][0]["difference"]["low"] > 0
    known = [(one["events"], one["visitors"]) for one in found["by_length"] if one["cut"]]
    assert [("the newest 1", 60), ("the newest 2", 60), ("the newest 5", 60), ("all", 60)] == known
    assert 60 == sum(one["visitors"] for one in found["by_length"] if not one["cut"] and one["model"] == "sequence")
    assert "NDCG@10 by length of the history" in done.stdout
    assert "sequence against popularity" in done.stdout
    assert "last 200" in done.stdout
    assert "| popularity | " in table.read_text(encoding="utf-8")
    assert "NDCG@10" in drawn.read_text(encoding="utf-8")


def test_parts_are_judged_only_when_asked_for(tmp_path: Path) -> None:
    """Asking every part for every visitor takes many times longer than asking the model."""
    log = ring_log()
    plain, with_parts = (
        evaluated(log, tmp_path / str(parts), entry("sequence", parts=parts), test=False)[0] for parts in (False, True)
    )
    assert [""] == [row.part for row in plain.rows if row.rule == "whole"]
    assert len({row.part for row in with_parts.rows}) > 1
    assert plain.rows[0].figures == with_parts.rows[0].figures


def test_a_longer_history_is_worth_what_it_brings(tmp_path: Path) -> None:
    """Where the last item tells the next all the same, visitors cut to one event are served as well as uncut ones."""
    evaluation, _ = evaluated(ring_log(n_users=90), tmp_path, entry("sequence"), test=True)
    cut_to = {one.events: one.figure.mean for one in evaluation.by_length if one.cut}
    assert cut_to["the newest 1"] > 0.5 * cut_to["all"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--interactions", "nowhere.csv"], "nowhere.csv cannot be read (No such file or directory)"),
        (["--interactions", "pyproject.toml"], "expected USER_ID,ITEM_ID,TIMESTAMP"),
        (["--interactions", "log.csv", "--model", "nobody"], "no contestant 'nobody'"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    """A missing file, a file that is no log, an unknown contestant: no stack trace."""
    write_csv(ring_log(), tmp_path / "log.csv")
    command = [sys.executable, "-m", "benchmarks.quality", *arguments]
    command = [str(tmp_path / "log.csv") if word == "log.csv" else word for word in command]

    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)

    assert 1 == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback: what is kept, and the usual exit code; otherwise zero."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(quality, "main", interrupted)
    assert 130 == quality.run()
    assert capsys.readouterr().err.startswith("interrupted; answers so far are kept")
    monkeypatch.setattr(quality, "main", dict)
    assert 0 == quality.run()
