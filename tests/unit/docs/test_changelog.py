"""CHANGELOG.md is in the manner of Keep a Changelog: releases with dates, newest first, changes by kind."""

import datetime
import re
from itertools import pairwise
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[3] / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
_HEADINGS = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+) - (\d{4}-\d{2}-\d{2})")


def _releases() -> list[tuple[tuple[int, ...], datetime.date]]:
    """Version and date of each release, in the order of the page."""
    found = [_RELEASE.fullmatch(heading) for heading in _HEADINGS if heading != "Unreleased"]
    assert all(found), _HEADINGS
    return [(tuple(map(int, one.groups()[:3])), datetime.date.fromisoformat(one[4])) for one in found if one]


def test_releases_have_a_version_and_a_date_newest_first() -> None:
    """What is not released stands above them."""
    assert "Unreleased" not in _HEADINGS[1:]
    for newer, older in pairwise(_releases()):
        assert newer[0] > older[0]
        assert newer[1] >= older[1]


def test_the_first_release_is_there() -> None:
    """0.1.0 is what stood before the rooms, the distribution and the doors of the documentation."""
    assert (0, 1, 0) == _releases()[-1][0]


def test_changes_stand_under_their_kind_in_the_usual_order() -> None:
    """Each kind at most once a release."""
    for release in re.split(r"^## .+$", TEXT, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.+)$", release, re.MULTILINE)
        assert kinds
        assert [kind for kind in KINDS if kind in kinds] == kinds
