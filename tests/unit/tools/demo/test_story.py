"""The figures of a run, and what counts as a failure."""

from dataclasses import replace

import pytest

from tests.unit.tools.demo.story_of_a_run import CAT, DOG, good_story, run, solution
from tools.demo.story import Story


def test_figures_have_exactly_the_promised_keys() -> None:
    """Programs read run.json: no key more, none less."""
    figures = good_story().as_json()
    assert ["events", "executions", "recommendation", "reranking", "seconds"] == list(figures)
    assert ["sent", "accepted", "quarantined", "lost", "duplicated", "archived"] == list(figures["events"])
    assert [["status", "solutions"]] == [list(execution) for execution in figures["executions"]]
    assert {("role", "decision", "reasons", "metrics")} == {tuple(s) for s in figures["executions"][0]["solutions"]}
    assert ["before", "after", "anonymous", "share_before", "share_after"] == list(figures["recommendation"])
    assert [0.0] * 20 == figures["recommendation"]["share_before"]
    assert [0.4] * 20 == figures["recommendation"]["share_after"]
    assert [DOG, CAT] == figures["reranking"]["ranking"]
    assert {"deploy": 40.12, "total": 99.0} == figures["seconds"]


def test_unfinished_story_has_no_figures() -> None:
    """A run that broke off writes nothing that looks complete."""
    with pytest.raises(ValueError, match="not come to its end"):
        Story().as_json()


def test_good_run_has_no_problems() -> None:
    """Nothing to complain of when all is as promised."""
    assert [] == good_story().problems()


def test_lost_event_is_a_problem() -> None:
    """The job fails when the books do not balance."""
    story = good_story()
    assert story.books is not None
    story.books = replace(story.books, lost=1, accepted=198)
    assert ["the events do not balance"] == [problem.split(":")[0] for problem in story.problems()]


def test_first_training_that_promotes_less_than_all_is_a_problem() -> None:
    """Both models must be promoted at first; later the gate may hold back."""
    story = good_story()
    story.runs.append(run(solution("recommendation", "held back"), outcome="held back"))
    assert [] == story.problems()
    story.runs = [run(solution("recommendation"), solution("reranking", "held back"))]
    assert 1 == len(story.problems())
    story.runs = []
    assert 1 == len(story.problems())


def test_failed_training_is_a_problem() -> None:
    """Any run that did not succeed fails the job."""
    story = good_story()
    story.runs.append(run(status="FAILED", outcome="States.Timeout"))
    assert ["a training run failed: ['promoted', 'States.Timeout']"] == story.problems()


def test_recommendations_that_do_not_follow_are_a_problem() -> None:
    """At least 18 of 20 visitors' recommendations must follow their clicks."""
    story = good_story()
    unmoved = [replace(change, after=change.clicker.before) for change in story.changes]
    story.changes[:2] = unmoved[:2]
    assert [] == story.problems()
    story.changes[:3] = unmoved[:3]
    assert ["only 17 of 20 visitors' top 25 followed their clicks"] == story.problems()
