"""What docs/operate/security.md says of rights that a local run does not use."""

import re

from tests.infra.synthesis import ROOT

_ROW = re.compile(
    r"^\| `(?P<role>[a-z-]+)` \| (?P<actions>`[a-z0-9]+:\w+`(?:, `[a-z0-9]+:\w+`)*) \| (?P<why>.+) \|$", re.M
)


def justified() -> set[tuple[str, str]]:
    """(role's purpose, action) of every row of the table; each row gives a reason."""
    text = (ROOT / "docs" / "operate" / "security.md").read_text(encoding="utf-8")
    return {(row["role"], action.strip("` ")) for row in _ROW.finditer(text) for action in row["actions"].split(",")}


def purpose(role: str) -> str:
    """`local-recommender-forward-events-role-rol` is `forward-events`."""
    return role.split("-recommender-", 1)[-1].removesuffix("-role-rol")
