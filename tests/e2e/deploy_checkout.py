"""A checkout of its own for a test that deploys: its config and seed data can be changed without touching ours."""

import json
import re
import shutil
import signal
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deadline import eventually
from tests.e2e import app_once
from tools.environment.connection import Connection, settings_of

ROOT = Path(__file__).resolve().parents[2]
_COPIED = (
    "app.py",
    "cdk.json",
    "config",
    "deploy.sh",
    "infra",
    "lambdas",
    "local_cloud",
    "personalize_local",
    "seed_data",
    "statemachines",
    "tools",
)
_SHARED = (".venv", ".venv-emulator", "build", "node_modules")
_SECONDS = 400.0
"""Until a test gives up waiting: on a busy computer a deploy that judges a model takes minutes."""

WAIT_SCALE = 0.003
"""What a second of the state machine's waits takes. Without any wait it would ask without end how the training is doing,
and take the processor from it."""


def until(happened: Callable[[], object], *, what: str) -> None:
    """Returns once `happened()` is true; AssertionError where that never comes."""
    eventually(happened, seconds=_SECONDS, what=what)


class Checkout:
    """A copy of the project in `folder`, deployed with its own `./deploy.sh local` to the local cloud of `state`.

    What checkouts of the run have synthesized is kept in `synthesized`, by what it was made of.
    """

    def __init__(self, folder: Path, state: Path, synthesized: Path) -> None:
        self.folder = folder
        self.state = state
        folder.mkdir()
        ignored = shutil.ignore_patterns("__pycache__")
        for name in _COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=ignored)
            else:
                shutil.copy2(ROOT / name, folder / name)
        for name in _SHARED:
            (folder / name).symlink_to(ROOT / name)
        (folder / "app.py").rename(folder / app_once.APP)
        shutil.copy2(Path(app_once.__file__), folder / "app.py")
        (folder / app_once.KEPT).write_text(str(synthesized), encoding="utf-8")
        _thin_out(folder / "seed_data" / "interactions" / "interactions.csv")

    @property
    def connection(self) -> Connection:
        return Connection(settings=settings_of("local"), state=self.state)

    @property
    def log(self) -> str:
        """What the CDK CLI has said so far."""
        path = self.state / "deploy" / "local" / "deploy.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def template(self, stack: str) -> dict[str, Any]:
        """The template that was deployed last, by the stack's short name."""
        name = f"{self.connection.settings.names.stack(stack)}.template.json"
        template: dict[str, Any] = json.loads((self.state / "deploy" / "local" / "templates" / name).read_text())
        return template

    def configure(self, **changes: Any) -> None:
        """Changes keys of config/local.yaml, e.g. `promotionThreshold=0.9`; None takes a key out."""
        path = self.folder / "config" / "local.yaml"
        config = yaml.safe_load(path.read_text(encoding="utf-8")) | changes
        kept = {key: value for key, value in config.items() if value is not None}
        path.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")

    def start(self, *options: str) -> "subprocess.Popen[str]":
        """Starts `./deploy.sh local`; its output is one text. For a `with` block: no failure leaves it running."""
        return subprocess.Popen(
            ["./deploy.sh", "local", "--state", str(self.state), *options],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def deploy(self, *options: str, answer: str = "") -> tuple[int, str]:
        """Exit code and output of `./deploy.sh local`, given `answer` where it asks."""
        with self.start(*options) as process:
            output, _ = process.communicate(f"{answer}\n", timeout=500)
        return process.returncode, output

    def interrupt(
        self, when: Callable[[], object], *, what: str, by: signal.Signals = signal.SIGINT
    ) -> tuple[int, str]:
        """Starts a deploy and interrupts it as soon as `when()` is true; exit code and output."""
        with self.start() as process:
            try:
                until(lambda: when() or process.poll() is not None, what=what)
                assert process.poll() is None, f"the deploy ended before {what}:\n{process.communicate()[0]}"
            finally:
                process.send_signal(by)
            output, _ = process.communicate(timeout=120)
        return process.returncode, output


def _thin_out(interactions: Path) -> None:
    """Leaves every fifth visitor: enough to learn from, and trained in a moment."""
    header, *rows = interactions.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [row for row in rows if zlib.crc32(row.partition(",")[0].encode()) % 5 == 0]
    interactions.write_text("".join([header, *kept]), encoding="utf-8")


def personalize_names(connection: Connection) -> Iterator[str]:
    """Kind and name of every Personalize resource in the account; solution versions by their solution."""
    personalize = connection.client("personalize")
    for operation, member in (
        ("list_campaigns", "campaigns"),
        ("list_solutions", "solutions"),
        ("list_solution_versions", "solutionVersions"),
        ("list_event_trackers", "eventTrackers"),
        ("list_filters", "Filters"),
        ("list_datasets", "datasets"),
        ("list_schemas", "schemas"),
        ("list_dataset_groups", "datasetGroups"),
    ):
        for entry in getattr(personalize, operation)()[member]:
            named = entry.get("name") or re.sub(r"/[0-9a-f]{8}$", "", entry["solutionVersionArn"])
            yield f"{operation} {named}"
