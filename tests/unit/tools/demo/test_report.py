"""The report: complete by itself, safe, and showing what the run was."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from tests.unit.tools.demo.story_of_a_run import good_story, run, solution
from tools.demo.report import page, write_report, write_run

_VOID = {"meta", "br"}


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()


def test_page_is_whole_and_has_its_pictures() -> None:
    """Every tag is closed; events, metrics and shares are drawn inline."""
    text = page(good_story())
    parser = Balanced()
    parser.feed(text)
    assert [] == parser.open
    assert 3 == text.count("<svg")


def test_page_needs_nothing_from_elsewhere() -> None:
    """No script, no style sheet, no picture and no font is fetched."""
    text = page(good_story())
    assert [] == re.findall(r"<(?:script|link|img|iframe)\b", text)
    assert [] == re.findall(r"""(?:src|href)=["'](?!#)""", text)
    assert "@import" not in text


def test_what_others_wrote_is_escaped() -> None:
    """A breed that looks like a tag is text."""
    text = page(good_story())
    assert "&lt;Beagle&gt;" in text
    assert "<Beagle>" not in text


def test_faults_are_not_hidden() -> None:
    """Books that do not balance and gates that held back are told as such."""
    story = good_story()
    assert "Every event is accounted for, once." in page(story)
    story.runs.append(run(solution("recommendation", "held back", 0.001), solution("reranking", "failed", None)))
    story.seconds = {}
    story.books = None
    text = page(story)
    assert "held back" in text
    assert "&#10007;" in text
    assert "accounted for" not in text


def test_files_are_written(tmp_path: Path) -> None:
    """Both files lie in the folder, which is made where it is missing."""
    story = good_story()
    figures, report = write_run(tmp_path / "out", story), write_report(tmp_path / "out", story)
    assert json.loads(json.dumps(story.as_json())) == json.loads(figures.read_text())
    assert page(story) == report.read_text()


def test_same_story_is_the_same_page() -> None:
    """Nothing random and no time of day is in the page."""
    assert page(good_story()) == page(good_story())
