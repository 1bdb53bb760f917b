"""What the roles were allowed and refused while a local cloud ran: one JSON line for each decision that is new.

The emulator writes the file, `python -m local_cloud rights` and the tests read it. Standard library only.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

RESOURCE_POLICY = "(the resource's own policy)"
"""What granted a call that no statement of the role allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One call of a role, judged; of calls that the same grant allows, the first."""

    role: str
    service: str
    """Who acts as the role, e.g. `lambda`."""
    action: str
    resource: str
    allowed: bool
    granted_by: str = ""
    """The resource pattern of the role's policy that allowed the call."""
    reason: str = ""
    """Why the call was refused."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a decision a new one: a grant's first use, or the first refusal on a resource."""
        return self.role, self.action, self.granted_by if self.allowed else f"refused {self.resource}"


class DecisionLog:
    """Appends decisions to a file. Safe for use by several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known = {decision.key for decision in read_decisions(path)}

    def note(self, decision: Decision) -> None:
        """Keeps the decision when it is a new one."""
        with self._lock:
            if decision.key in self._known:
                return
            self._known.add(decision.key)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(decision)) + "\n")


def read_decisions(path: Path) -> Iterator[Decision]:
    """The decisions in a file; none where there is no file. A last line that is still being written is left out."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        yield Decision(**json.loads(line))


def refusals(path: Path) -> list[Decision]:
    """What roles were refused."""
    return [decision for decision in read_decisions(path) if not decision.allowed]
