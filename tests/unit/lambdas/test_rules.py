"""Rules that hold for every handler's source."""

import ast
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "lambdas"
SOURCES = sorted(FOLDER.rglob("*.py"))
HANDLERS = sorted(FOLDER.glob("*/handler.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_d16_no_error_is_caught_blindly(source):
    """Nothing catches everything: an error that nobody foresaw must be seen."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    caught = [
        ast.unparse(handler.type) if handler.type else "everything"
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler)
    ]

    assert [] == [name for name in caught if re.search(r"\b(everything|Exception|BaseException)\b", name)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_d13_nothing_is_printed(source):
    """Only the logger and the metrics write."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    called = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]

    assert "print" not in called


@pytest.mark.parametrize("source", HANDLERS, ids=lambda path: path.parent.name)
def test_handlers_are_thin(source):
    """A handler parses, calls one function and answers: under forty lines."""
    assert len(source.read_text(encoding="utf-8").splitlines()) < 40
