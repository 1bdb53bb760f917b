"""Failures on order, for tests: the next calls of an operation fail, wait, or end their resource in failure.

Faults are given through `POST /_local/faults`, which no AWS client calls. Counted ones (`times`) live in memory.
Weather (`share`: the share of calls that it meets) is kept in the data folder too, so that a server that was killed and
started again fails as before.
"""

import json
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from personalize_local.model.errors import ServiceError, invalid_input
from personalize_local.model.validation import Json

_OUTCOMES: dict[str, type | tuple[type, ...]] = {
    "error": dict,
    "status": str,
    "metrics": dict,
    "delaySeconds": (int, float),
    "drop": bool,
}
"""What can be ordered, and the JSON type of its value."""


@dataclass(slots=True)
class Fault:
    """What happens to the next `times` calls of `operation` (`*`: of any) whose request holds `match`.

    With `chance` it happens to a share of these calls, without end.
    """

    operation: str
    match: str
    times: int
    outcome: Json
    chance: "Chance | None" = None


@dataclass(slots=True)
class Chance:
    """Which of the calls a share of them is: the same numbers in the same order for the same seed."""

    share: float
    seed: int
    drawn: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.drawn = random.Random(self.seed)

    def meets(self) -> bool:
        """Whether the next call is one of the share."""
        return self.drawn.random() < self.share


@dataclass(frozen=True, slots=True)
class Effects:
    """What is to happen to one call."""

    delay: float = 0.0
    error: ServiceError | None = None
    drop: bool = False
    """The connection breaks off: nothing was done, and the client hears nothing."""
    job: Json = field(default_factory=dict)
    """For the lifecycle that the call starts: `status` and `failureReason` to end with, `metrics` to record."""


class Faults:
    """The faults that are waiting for their calls."""

    def __init__(self, kept: Path | None = None) -> None:
        """`kept` is the file of the probabilistic faults; None: it ends with the process."""
        self._faults: list[Fault] = []
        self._probabilistic: list[Json] = []
        self._kept = kept
        self._lock = threading.Lock()
        if kept is not None and kept.exists():
            for described in json.loads(kept.read_text(encoding="utf-8")):
                self.add(described, {described["operation"]: None})

    def add(self, described: Any, known: Mapping[str, object]) -> None:
        """Take a fault in the form of the admin endpoint; InvalidInputException says what is wrong with it."""
        if not isinstance(described, dict):
            raise invalid_input("A fault is an object with operation, outcome and, if wanted, match, times or share.")
        operation, outcome = described.get("operation"), described.get("outcome")
        match, times = described.get("match", ""), described.get("times", 1)
        if not isinstance(operation, str) or (operation != "*" and operation not in known):
            raise invalid_input(f"operation must be one of the API's or *, not {operation!r}.")
        if not isinstance(match, str) or type(times) is not int or times < 1:
            raise invalid_input("match must be a string and times a positive number.")
        if not isinstance(outcome, dict) or not any(name in outcome for name in _OUTCOMES):
            raise invalid_input(f"outcome must have one of {', '.join(_OUTCOMES)}.")
        for name, kind in _OUTCOMES.items():
            if name in outcome and not isinstance(outcome[name], kind):
                raise invalid_input(f"outcome.{name} has the wrong type.")
        if "error" in outcome and not isinstance(outcome["error"].get("code"), str):
            raise invalid_input("outcome.error must be an object with code, message and status.")
        share, seed = described.get("share"), described.get("seed", 0)
        if share is not None and (type(share) not in (int, float) or not 0 < share <= 1 or "times" in described):
            raise invalid_input("share must be a number above 0 and up to 1, without times.")
        if type(seed) is not int:
            raise invalid_input("seed must be a whole number.")
        chance = None if share is None else Chance(share, seed)
        with self._lock:
            self._faults.append(Fault(operation, match, times, outcome, chance))
            if chance is not None:
                self._keep([*self._probabilistic, described])

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()
            self._keep([])

    def _keep(self, probabilistic: list[Json]) -> None:
        if self._kept is not None and probabilistic != self._probabilistic:
            arriving = self._kept.with_suffix(".tmp")
            arriving.write_text(json.dumps(probabilistic), encoding="utf-8")
            arriving.replace(self._kept)
        self._probabilistic = probabilistic

    def __bool__(self) -> bool:
        return bool(self._faults)

    def take(self, operation: str, request: Json) -> Effects:
        """The effects of the faults that meet this call; each fault counts the call."""
        delay = 0.0
        error: ServiceError | None = None
        job: Json = {}
        drop = False
        # Metrics are recorded when the version is made, whichever of the two operations the order names.
        names = {operation, "*", "GetSolutionMetrics"} if operation == "CreateSolutionVersion" else {operation, "*"}
        with self._lock:
            text = json.dumps(request) if any(fault.match for fault in self._faults) else ""
            for fault in self._faults:
                if fault.operation not in names or fault.match not in text or fault.times < 1:
                    continue
                if fault.operation not in (operation, "*") and "metrics" not in fault.outcome:
                    continue
                if fault.operation == operation == "GetSolutionMetrics" and "metrics" in fault.outcome:
                    continue
                if fault.chance is None:
                    fault.times -= 1
                elif not fault.chance.meets():
                    continue
                drop = drop or fault.outcome.get("drop", False)
                delay += float(fault.outcome.get("delaySeconds", 0.0))
                if "error" in fault.outcome and error is None:
                    given = fault.outcome["error"]
                    error = ServiceError(
                        given["code"], given.get("message", "A fault on order."), given.get("status", 400)
                    )
                job |= {
                    name: fault.outcome[name]
                    for name in ("status", "failureReason", "metrics")
                    if name in fault.outcome
                }
            self._faults = [fault for fault in self._faults if fault.times > 0]
        return Effects(delay, error, drop, job)
