"""Every link of every page leads somewhere: to a file of the project, and where it names one, to a heading of it.

So does every path in back quotes that begins with a folder of the project.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FOLDERS = sorted(path for path in (ROOT / "docs").iterdir() if path.is_dir())
ROOMS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} - {"out", "build"}
"""The folders of the project; what programs write is not there before they have run."""
_PATH = re.compile(r"`([a-z_]+)/([\w./-]*)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def _links(page: Path) -> list[str]:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def _anchors(page: Path) -> set[str]:
    """The anchors that a forge gives the headings: lower case, without punctuation, hyphens for spaces."""
    anchors: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).strip()
        anchors.add(plain.replace(" ", "-"))
    return anchors


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file, and to a heading that this file has."""
    broken = []
    for link in _links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_folder_has_an_index_that_names_all_its_pages(folder: Path) -> None:
    """A page that no index names is found by nobody."""
    named = {link.partition("#")[0] for link in _links(folder / "index.md")}
    assert {page.name for page in folder.glob("*.md")} - {"index.md"} <= named


def test_the_readme_points_to_the_doors() -> None:
    """One for each reader, and the decisions."""
    links = set(_links(ROOT / "README.md"))
    assert {f"docs/{folder.name}/index.md" for folder in FOLDERS} <= links


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name != "CHANGELOG.md"],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_every_quoted_path_exists(page: Path) -> None:
    """`ENV` stands for an environment's name; the changelog, which speaks of the past, is left out."""
    quoted = [f"{room}/{rest}" for room, rest in _PATH.findall(page.read_text(encoding="utf-8")) if room in ROOMS]
    assert [path for path in quoted if not (ROOT / path).exists() and "ENV" not in path] == []
