"""Who may import whom: the table of docs/architecture.md, held against every import statement of the project."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = frozenset({"app", "benchmarks", "infra", "lambdas", "local", "seed_data", "tests", "tools"})


@dataclass(frozen=True, slots=True)
class Room:
    """One folder (or file) and what its modules may import besides the standard library and their own room."""

    path: str
    third_party: frozenset[str]
    ours: frozenset[str] = frozenset()


def room(path: str, third_party: str = "", ours: str = "") -> Room:
    return Room(path, frozenset(third_party.split()), frozenset(ours.split()))


HANDLERS = ("evaluate_version", "forward_events", "recommend", "rerank")
ROOMS = (
    *(room(f"lambdas/{handler}", "boto3 botocore aws_lambda_powertools", "lambdas.shared") for handler in HANDLERS),
    room("lambdas/shared", "boto3 botocore aws_lambda_powertools"),
    room("app.py", "aws_cdk cdk_nag jsii", "infra"),
    room("infra", "aws_cdk constructs cdk_nag pydantic yaml"),
    room("infra/naming.py"),
    room("infra/allowed.py", "pydantic"),
    room("infra/prices.py", "pydantic yaml"),
    room("infra/regions.py", "botocore"),
    room("infra/settings.py", "pydantic yaml", "infra.allowed infra.naming infra.prices infra.regions"),
    room("seed_data", "numpy"),
    room("local/engine", "lightgbm numpy scipy threadpoolctl"),
    room("local/personalize", "boto3 botocore httptools lark msgspec numpy regex scipy uvicorn uvloop", "local.engine"),
    room("local/cloud", "boto3 botocore hypercorn ministack rich typer urllib3", "local.personalize"),
    room(
        "tools",
        "boto3 botocore matplotlib numpy rich typer",
        # What an event is, the id under which it is counted once, what a breed may be, and the CSV of the service are
        # said in one place.
        "infra.naming infra.prices infra.settings seed_data lambdas.shared local.personalize.csv_dialect",
    ),
    room("tools/breed_scripts.py", "regex"),
)
"""The innermost room that holds a file is the file's own; the data of Personalize are arrays, as its engine's are."""

EMULATOR = "local.cloud.emulator"
IN_THE_EMULATORS_ENVIRONMENT = frozenset({"boto3", "botocore", "hypercorn", "ministack", "urllib3"})


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, inside functions too; `from a import b` counts as `a.b` where that is one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}: relative import"
            assert node.module is not None
            for alias in node.names:
                inner = ROOT.joinpath(*node.module.split("."), alias.name)
                is_module = inner.with_suffix(".py").is_file() or inner.is_dir()
                yield f"{node.module}.{alias.name}" if is_module else node.module


def room_of(path: Path) -> Room:
    own = [room for room in ROOMS if path == ROOT / room.path or (ROOT / room.path) in path.parents]
    assert own, f"{path.relative_to(ROOT)} lies in no room of the table"
    return max(own, key=lambda room: len(room.path))


def allowed(name: str, room: Room) -> bool:
    top = name.partition(".")[0]
    if top not in OURS:
        return top in sys.stdlib_module_names or top in room.third_party
    own = room.path.removesuffix(".py").replace("/", ".")
    return any(name == other or name.startswith(f"{other}.") for other in (own, *room.ours)) or name in parents(own)


def parents(module: str) -> set[str]:
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def sources() -> list[Path]:
    folders = {room.path.partition("/")[0] for room in ROOMS}
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in [*found, ROOT / "app.py"] if "__pycache__" not in path.parts)


def test_every_import_is_in_the_table() -> None:
    """Nothing is imported over a wall: a room knows the rooms that the table gives it, and no library beyond its own."""
    over_the_wall = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources()
        for name in imports(path)
        if not allowed(name, room_of(path))
    ]
    assert [] == over_the_wall


def test_the_emulators_modules_need_only_what_its_environment_has() -> None:
    """The emulator runs in an environment of its own: whatever its host reaches must be importable there."""
    reached: set[str] = set()
    waiting = [EMULATOR]
    missing = []
    while waiting:
        module = waiting.pop()
        if module in reached:
            continue
        reached.add(module)
        path = ROOT.joinpath(*module.split("."))
        file = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        for name in imports(file):
            top = name.partition(".")[0]
            if top in OURS:
                waiting.append(name)
            elif top not in sys.stdlib_module_names and top not in IN_THE_EMULATORS_ENVIRONMENT:
                missing.append(f"{module} imports {name}")
    assert [] == missing
    assert len(reached) > 1


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("lambdas/recommend/handler.py", "lambdas.rerank.handler"),
        ("lambdas/recommend/handler.py", "pydantic"),
        ("lambdas/shared/clients.py", "lambdas.recommend"),
        ("infra/settings.py", "aws_cdk"),
        ("infra/data.py", "boto3"),
        ("local/engine/models.py", "local.personalize"),
        ("local/engine/models.py", "boto3"),
        ("local/personalize/app.py", "local.cloud"),
        ("local/cloud/lifecycle.py", "lambdas.recommend.handler"),
        ("tools/connection.py", "infra.data"),
        ("tools/connection.py", "local.cloud"),
    ],
)
def test_the_walls_stand(file: str, name: str) -> None:
    """Each of these would be an import over a wall."""
    assert not allowed(name, room_of(ROOT / file))
