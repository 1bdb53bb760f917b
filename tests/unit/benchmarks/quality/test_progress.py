"""What a child says of its progress, and what a person reads."""

from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.quality.progress import ELAPSED_SHARE, AnsweringProgress, TrainingProgress, clock, sentence
from personalize_local.engine.base.stages import LOGGER, STAGES, begin


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"what": "training", "seconds": 65.2}', "training for 1:05"),
        ('{"what": "training", "seconds": 3600, "left": 61}', "training for 1:00:00, about 1:01 left"),
        (
            '{"what": "answering", "done": 1000, "of": 4000, "seconds": 20}',
            "1,000 of 4,000 answers, about 1:00 left",
        ),
        ("a library's own remark", None),
        ('{"what": "else"}', None),
        ("[1]", None),
    ],
)
def test_a_line_becomes_a_sentence_with_the_time_left(line: str, expected: str | None) -> None:
    """Lines of progress are told; whatever else a contestant prints is not."""
    assert expected == sentence(line)


def test_answers_are_counted() -> None:
    """Each addition counts; with no pause between two lines every addition is told."""
    records: list[Mapping[str, Any]] = []
    answering = AnsweringProgress(records.append, 10, every=0.0)
    answering.add(4)
    answering.add(6)
    assert [(4, 10), (10, 10)] == [(one["done"], one["of"]) for one in records]


def test_answers_are_told_no_more_often_than_wanted() -> None:
    """A line an hour: nothing is told of a thousand quick answers."""
    records: list[Mapping[str, Any]] = []
    answering = AnsweringProgress(records.append, 1000, every=3600.0)
    for _ in range(1000):
        answering.add(1)
    assert not records


def test_a_training_stops_listening_to_the_engine_at_its_end() -> None:
    """No handler is left behind, also when the training fails."""
    before, during = list(LOGGER.handlers), []

    def failing() -> None:
        with TrainingProgress(lambda records: None):
            during.extend(LOGGER.handlers)
            begin("a coffee break")

    with pytest.raises(ValueError, match="is not a stage"):
        failing()
    assert (len(before) + 1, before) == (len(during), LOGGER.handlers)


def test_every_stage_of_the_engine_has_its_share() -> None:
    """The shares that the estimate rests on name the engine's stages in their order, rising from nothing."""
    assert list(STAGES) == list(ELAPSED_SHARE)
    shares = list(ELAPSED_SHARE.values())
    assert shares == sorted(shares)
    assert (0.0, True) == (shares[0], shares[-1] < 1)


def test_hours_are_shown_where_there_are_some() -> None:
    """Minutes and seconds; hours before them where there are some."""
    assert ["0:00", "4:05", "1:02:03"] == [clock(0), clock(245), clock(3723)]
