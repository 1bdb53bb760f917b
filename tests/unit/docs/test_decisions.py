"""Every decision has one format: date, status, context, decision, consequences. A superseded one links to what holds."""

import datetime
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "decisions"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))
MAX_FILES = 20
SECTIONS = ["Context", "Decision", "Consequences"]
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-[a-z0-9]+(-[a-z0-9]+)*\.md")
_HEAD = re.compile(
    r"# (?P<title>\S.*)\n\n- \*\*Date:\*\* (?P<date>\S+)\n- \*\*Status:\*\* (?P<status>.+)\n\n## Context\n"
)
_SUPERSEDED = r"superseded by \[[^\]]+\]\((?P<page>[^)#]+\.md)\)"
_STATUS = re.compile(rf"accepted|{_SUPERSEDED}|accepted; in part \([^)]+\) {_SUPERSEDED.replace('<page>', '<part>')}")


def faults_of(name: str, text: str, pages: set[str]) -> list[str]:
    """What is wrong with a decision of this file name and text; `pages` are the file names of all decisions."""
    named, head = _NAME.fullmatch(name), _HEAD.match(text)
    if named is None:
        return ["the file name is not YYYY-MM-DD-subject.md"]
    if head is None:
        return ["the page does not begin with title, Date, Status and Context"]
    faults = []
    try:
        datetime.date.fromisoformat(named[1])
    except ValueError:
        faults.append("the file name holds no date")
    if head["date"] != named[1]:
        faults.append("Date is not that of the file name")
    status = _STATUS.fullmatch(head["status"])
    if status is None:
        faults.append("Status is neither accepted nor superseded by a link")
    elif (successor := status["page"] or status["part"]) and (successor == name or successor not in pages):
        faults.append("what supersedes it is no other decision")
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    if parts[1::2] != SECTIONS:
        faults.append(f"the sections are not {', '.join(SECTIONS)}")
    if not all(part.strip() for part in parts[2::2]):
        faults.append("a section is empty")
    return faults


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_decision_has_the_format(page: Path) -> None:
    """Date and status first, then the three sections, each with a text."""
    assert [] == faults_of(page.name, page.read_text(encoding="utf-8"), {other.name for other in PAGES})


def test_the_folder_stays_readable() -> None:
    """At most twenty files, and nothing but decisions and their index."""
    assert {page.name for page in PAGES} | {"index.md"} == {path.name for path in FOLDER.iterdir()}
    assert len(PAGES) + 1 <= MAX_FILES


def test_the_index_gives_date_and_title_of_each_newest_first() -> None:
    """As the pages themselves say."""
    listed = re.findall(r"^- (\S+): \[(.+)\]\((.+)\)$", (FOLDER / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    titles = {page.name: page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for page in PAGES}
    assert sorted((name[:10], title, name) for name, title in titles.items()) == sorted(listed)
    dates = [date for date, _, _ in listed]
    assert sorted(dates, reverse=True) == dates


GOOD = """# A title

- **Date:** 2026-01-31
- **Status:** accepted

## Context

Why.

## Decision

What.

## Consequences

And then.
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# A title", "A title"),
        ("2026-01-31", "2026-02-01"),
        ("2026-01-31", "January"),
        ("accepted", "proposed"),
        ("accepted", "superseded"),
        ("accepted", "superseded by [another](2026-02-01-missing.md)"),
        ("accepted", "superseded by [itself](2026-01-31-good.md)"),
        ("accepted", "accepted; in part superseded by [another](2026-02-02-newer.md)"),
        ("## Decision\n\nWhat.\n\n", ""),
        ("What.", ""),
        ("## Consequences", "## Result"),
        ("And then.", "And then.\n\n## More\n\nText."),
    ],
)
def test_a_page_without_the_format_is_found(old: str, new: str) -> None:
    """One fault each."""
    assert len(faults_of("2026-01-31-good.md", GOOD.replace(old, new), {"2026-01-31-good.md"})) == 1


def test_a_file_name_without_a_date_is_found() -> None:
    """A month that does not exist is none either."""
    assert len(faults_of("good.md", GOOD, set())) == 1
    assert "the file name holds no date" in faults_of("2026-13-31-good.md", GOOD, set())


@pytest.mark.parametrize("head", ["", "accepted; in part (the lock) "])
def test_a_superseded_page_links_to_another(head: str) -> None:
    """Wholly, or in a part that is named."""
    text = GOOD.replace("accepted", f"{head}superseded by [another](2026-02-02-newer.md)")
    assert [] == faults_of("2026-01-31-good.md", text, {"2026-01-31-good.md", "2026-02-02-newer.md"})
