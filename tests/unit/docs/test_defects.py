"""docs/start/defects.md: 63 rows, each naming files that exist and tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "start" / "defects.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| D\d\d \|", line)
]


def test_every_defect_has_one_row() -> None:
    """D01 to D63, in order."""
    assert [f"D{number:02}" for number in range(1, 64)] == [row[0] for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_row_is_true(row: list[str]) -> None:
    """The answer stands where the row says, and each test it names is defined and speaks of the defect."""
    number, _, answer, places, tests = row
    assert answer
    assert [] == [place for place in re.findall(r"`([^`]+)`", places) if not (ROOT / place).exists()]
    named = re.findall(r"`([^`]+)::([^`]+)`", tests)
    assert named
    for path, name in named:
        functions = [
            node
            for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef) and node.name == name
        ]
        assert functions, f"{path} defines no {name}"
        text = f"{name} {ast.get_docstring(functions[0]) or ''}"
        assert number in text or f"{number.lower()}_" in text
