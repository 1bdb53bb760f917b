"""Who may import whom: the table of docs/start/architecture.md, held against every import statement of the project."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "start" / "architecture.md"
OURS = frozenset(
    {"app", "benchmarks", "infra", "lambdas", "local_cloud", "personalize_local", "seed_data", "tests", "tools"}
)
ENGINE = "personalize_local/engine"
EMULATOR = "local_cloud.emulator.host"
IN_THE_EMULATORS_ENVIRONMENT = frozenset({"boto3", "botocore", "hypercorn", "ministack", "urllib3"})
MOST_MODULES = 20


@dataclass(frozen=True, slots=True)
class Room:
    """A folder, or a file, and what its modules may import besides the standard library and their own room."""

    path: str
    libraries: frozenset[str]
    rooms: frozenset[str]


def _table() -> dict[str, Room]:
    section = PAGE.read_text(encoding="utf-8").partition("### Who may import whom")[2].partition("\n## ")[0]
    rooms: dict[str, Room] = {}
    for line in section.splitlines():
        if not line.startswith("| `"):
            continue
        name, _, libraries, others = (cell.strip() for cell in line.strip("|").split("|"))
        path = name.strip("`")
        assert path not in rooms, f"{path} stands twice in the table"
        rooms[path] = Room(path, _named(libraries), _named(others))
    return rooms


def _named(cell: str) -> frozenset[str]:
    return frozenset(re.findall(r"`([^`]+)`", cell))


ROOMS = _table()


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


def room_of(path: Path) -> str:
    """The room of a file, by the folder that it lies in; of a file of the root by its own name."""
    own = path.relative_to(ROOT)
    return str(own if len(own.parts) == 1 else own.parent)


def room_of_module(name: str) -> str:
    folder = ROOT.joinpath(*name.split("."))
    return str(folder.relative_to(ROOT)) if folder.is_dir() else room_of(folder.with_suffix(".py"))


def allowed(name: str, room: Room) -> bool:
    top = name.partition(".")[0]
    if top not in OURS:
        return top in sys.stdlib_module_names or top in room.libraries
    return room_of_module(name) in {room.path, *room.rooms}


def sources() -> list[Path]:
    """The modules that the table is about; an `__init__.py` without a word has no room."""
    folders = {path.partition("/")[0] for path in ROOMS}
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(
        path
        for path in [*found, ROOT / "app.py"]
        if "__pycache__" not in path.parts and (path.name != "__init__.py" or path.read_text(encoding="utf-8").strip())
    )


def test_every_module_has_a_room_and_every_room_modules() -> None:
    """The table is complete, and tells of nothing that is not there."""
    assert {room_of(path) for path in sources()} == set(ROOMS)


def test_every_import_is_in_the_table() -> None:
    """Nothing is imported over a wall: a room knows the rooms that the table gives it, and no library beyond its own."""
    over_the_wall = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources()
        for name in imports(path)
        if not allowed(name, ROOMS[room_of(path)])
    ]
    assert [] == over_the_wall


def test_the_table_promises_nothing_that_is_not_used() -> None:
    """A library or a room that no import of the row needs any more leaves the table."""
    used: defaultdict[str, set[str]] = defaultdict(set)
    for path in sources():
        for name in imports(path):
            top = name.partition(".")[0]
            used[room_of(path)].add(room_of_module(name) if top in OURS else top)
    unused = {room.path: sorted((room.libraries | room.rooms) - used[room.path]) for room in ROOMS.values()}
    assert {path: names for path, names in unused.items() if names} == {}


def test_no_circle() -> None:
    """Whoever is imported imports nobody of those above: the rooms have an order."""
    order = list(TopologicalSorter({room.path: room.rooms for room in ROOMS.values()}).static_order())
    assert set(order) == set(ROOMS)


def test_the_engine_knows_nothing_of_the_rest() -> None:
    """Whatever the table says."""
    outside = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / ENGINE).rglob("*.py")
        for name in imports(path)
        if name.partition(".")[0] in OURS and not room_of_module(name).startswith(ENGINE)
    ]
    assert [] == outside


def test_no_room_is_crowded() -> None:
    """Nobody finds anything among forty files."""
    folders = {path.parent for path in sources()} | {path.parent for path in (ROOT / "benchmarks").rglob("*.py")}
    modules = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in folders}
    assert {name: count for name, count in modules.items() if count > MOST_MODULES} == {}


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
        ("lambdas/shared/clients.py", "lambdas.recommend.handler"),
        ("infra/settings.py", "aws_cdk"),
        ("infra/stacks/data.py", "boto3"),
        ("personalize_local/engine/base/models.py", "personalize_local.model.errors"),
        ("personalize_local/engine/base/models.py", "personalize_local.engine.recommenders.registry"),
        ("personalize_local/engine/base/models.py", "boto3"),
        ("personalize_local/data/storage.py", "personalize_local.serving.runtime_api"),
        ("personalize_local/settings/options.py", "personalize_local.serving.runtime_api"),
        ("personalize_local/settings/options.py", "personalize_local.jobs.running"),
        ("personalize_local/jobs/tasks/workers.py", "personalize_local.jobs.running"),
        ("personalize_local/api/app.py", "local_cloud.common.state"),
        ("local_cloud/supervisor/lifecycle.py", "lambdas.recommend.handler"),
        ("tools/environment/connection.py", "infra.stacks.data"),
        ("tools/environment/connection.py", "infra.shared.functions"),
        ("tools/environment/connection.py", "local_cloud.common.state"),
    ],
)
def test_the_walls_stand(file: str, name: str) -> None:
    """Each of these would be an import over a wall."""
    assert (ROOT / file).is_file()
    assert not allowed(name, ROOMS[room_of(ROOT / file)])


def test_unit_tests_stand_alone() -> None:
    """What they share with others lies beside all of them, and needs no local cloud."""
    others = tuple(f"tests.{folder}" for folder in ("conformance", "e2e", "faults", "infra", "statemachines"))
    leaning = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "tests" / "unit").rglob("*.py")
        for name in imports(path)
        if name.startswith(others)
    ]
    assert [] == leaning
