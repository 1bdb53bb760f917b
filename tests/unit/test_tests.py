"""What holds for every test: it asserts something, and no assertion is about how long something took."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

TESTS = Path(__file__).resolve().parents[1]
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "thread_time"}
DEADLINES = "tests/deadline.py"
"""Waits until something is true, and fails where that never comes: the only place that compares times."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Read:
    """What is asked of a function: which names it calls (`raises` for `pytest.raises(...)`), and whether it asserts."""

    place: str
    name: str
    calls: frozenset[str]
    asserts: bool

    @classmethod
    def of(cls, function: Function, file: str) -> Self:
        calls = frozenset(called(function))
        own = any(name in ("raises", "warns", "fail") or name.startswith("assert_") for name in calls)
        own = own or any(isinstance(node, ast.Assert) for node in ast.walk(function))
        return cls(f"{file}:{function.lineno} {function.name}", function.name, calls, own)


@cache
def modules() -> dict[str, ast.Module]:
    """The modules of the tests by their path, e.g. `tests/deadline.py`."""
    files = sorted(TESTS.rglob("*.py"))
    return {str(file.relative_to(TESTS.parent)): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func
            yield name.attr if isinstance(name, ast.Attribute) else name.id if isinstance(name, ast.Name) else ""


def imported(tree: ast.Module) -> Iterator[str]:
    """The paths of the tests' modules that a module takes names from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests"):
            folder = node.module.replace(".", "/")
            yield from (f"{folder}.py", *(f"{folder}/{alias.name}.py" for alias in node.names))


def without_assertion() -> list[str]:
    """The tests that assert neither by themselves nor by a helper, of theirs or of a module that they import from."""
    read = {file: [Read.of(function, file) for function in functions(tree)] for file, tree in modules().items()}
    near = {file: [file, *(other for other in imported(tree) if other in read)] for file, tree in modules().items()}
    helpers = {file: {one.name for one in found if one.asserts} for file, found in read.items()}
    while True:
        reach = {file: set().union(*(helpers[other] for other in near[file])) for file in read}
        more = {
            file: {one.name for one in found if one.calls & reach[file]} - helpers[file] for file, found in read.items()
        }
        if not any(more.values()):
            break
        helpers = {file: helpers[file] | more[file] for file in read}
    return [one.place for file, found in read.items() for one in found if is_silent(one, helpers[file])]


def is_silent(one: Read, asserting: set[str]) -> bool:
    return one.name.startswith("test_") and one.name not in asserting


def test_every_test_asserts_something() -> None:
    """By itself, or by a helper of the tests that it calls: that nothing is raised says little."""
    assert [] == without_assertion()


def reads_clock(node: ast.AST) -> bool:
    return bool(CLOCKS & set(called(node)))


def test_no_assertion_is_timed() -> None:
    """A busy computer is no defect. Neither is a clock asserted about, nor a difference that was taken with one."""
    timed = []
    for file, tree in modules().items():
        for function in functions(tree) if file != DEADLINES else ():
            taken = {
                target.id
                for node in ast.walk(function)
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and reads_clock(node.value)
                if isinstance(node.value.op, ast.Sub)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            timed += [
                f"{file}:{node.lineno}"
                for node in ast.walk(function)
                if isinstance(node, ast.Assert)
                if reads_clock(node.test)
                or taken & {name.id for name in ast.walk(node.test) if isinstance(name, ast.Name)}
            ]
    assert [] == timed


def test_the_two_rules_find_what_they_are_about() -> None:
    """A test that only calls, one that asserts by a helper, a limit of seconds."""
    tree = ast.parse(
        "def test_a(): run()\ndef test_b():\n with pytest.raises(E): run()\n"
        "def test_c():\n assert time.monotonic() - begun < 5"
    )
    assert [False, True, True] == [Read.of(function, "file").asserts for function in functions(tree)]
    assert [False, False, True] == [reads_clock(function) for function in functions(tree)]
