"""What the terminal shows of a run."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.unit.tools.demo.story_of_a_run import good_story, run
from tools.demo.show import Screen


@pytest.fixture
def screen() -> Screen:
    return Screen(Console(file=io.StringIO(), width=160))


def shown(screen: Screen) -> str:
    file = screen.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_summary_tells_the_books_the_trainings_and_what_to_do_next(screen: Screen) -> None:
    """The last lines say how to keep it running, how to try it and how to stop it."""
    screen.summary(good_story(), Path("out/report.html"))
    text = shown(screen)
    assert "200 events sent = 199 accepted + 1 quarantined = 200 archived; lost 0, duplicated 0." in text
    assert "recommendation promoted, reranking promoted" in text
    for command in ("make up", "tools.invoke", "tools.simulate", "make down", "out/report.html"):
        assert command in text


def test_clicks_show_before_and_after(screen: Screen) -> None:
    """One visitor's lists side by side, all visitors' shares in a line, and the stranger."""
    screen.clicks(good_story())
    text = shown(screen)
    assert "five clicks on cats" in text
    assert "0% before, 40% after; it rose for 20." in text
    assert "Somebody who never signed in" in text


def test_training_without_solutions_tells_its_outcome(screen: Screen) -> None:
    """A run that failed before any solution is a line of its own; reasons have their sign."""
    screen.trainings("Trainings", [*good_story().runs, run(status="FAILED", outcome="lock not taken")])
    text = shown(screen)
    assert "lock not taken" in text
    assert "+ NDCG@5 0.32 > 0.01" in text


def test_books_that_do_not_balance_are_said(screen: Screen) -> None:
    """The verdict is the books', not a wish."""
    story = good_story()
    screen.books(story)
    assert "Every event is accounted for, once." in shown(screen)
    story.runs = []
    assert story.books is not None
    object.__setattr__(story.books, "lost", 1)
    screen.books(story)
    assert "The books do not balance." in shown(screen)


def test_progress_ends_full(screen: Screen) -> None:
    """The bar of what was sent is full at the end; waits and steps show their names."""
    story = good_story()
    screen.step("stream")
    with screen.streaming(200) as bars:
        for sample in story.samples:
            bars(sample)
    with screen.waiting("Waiting for the archive") as progress:
        progress("10 of 20")
    screen.reranking(story.reranking)  # type: ignore[arg-type]
    text = shown(screen)
    assert "200/200" in text
    assert "Streaming events" in text
