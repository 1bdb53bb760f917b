"""Everything that the demonstration found out, and the JSON form of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tools.demo.accounts import Books
from tools.demo.cloud import Run
from tools.demo.visitors import SHARE_OF, Change


@dataclass(frozen=True, slots=True)
class Sample:
    """Counts at one moment of the streaming, `second` after its beginning."""

    second: float
    sent: int
    accepted: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Reranking:
    """A list of animals as given, and in the visitor's order."""

    visitor: str
    given: list[str]
    ranking: list[str]
    source: str

    def as_json(self) -> dict[str, Any]:
        return {"visitor": self.visitor, "given": self.given, "ranking": self.ranking, "source": self.source}


@dataclass(slots=True)
class Story:
    """Filled step by step; complete at the end."""

    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the streaming began."""
    samples: list[Sample] = field(default_factory=list)
    archived: list[tuple[datetime, int]] = field(default_factory=list)
    """For each object of the archive, when it was stored and how many records it holds."""
    malformations: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    stranger: list[str] = field(default_factory=list)
    """What somebody is recommended of whom nothing is known."""
    stranger_clicked: list[str] = field(default_factory=list)
    stranger_after: list[str] = field(default_factory=list)
    """What the same session is recommended after its first clicks."""
    reranking: Reranking | None = None
    runs: list[Run] = field(default_factory=list)
    books: Books | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> Mapping[str, Any]:
        """The content of `out/run.json`. Raises ValueError when the story is not complete."""
        if self.books is None or self.reranking is None or not self.changes:
            raise ValueError("the demonstration has not come to its end")
        return {
            "events": self.books.as_json(),
            "executions": [run.as_json() for run in self.runs],
            "recommendation": {
                "before": self.changes[0].clicker.before,
                "after": self.changes[0].after,
                "anonymous": self.stranger,
                "share_before": [change.share_before for change in self.changes],
                "share_after": [change.share_after for change in self.changes],
            },
            "reranking": self.reranking.as_json(),
            "seconds": {step: round(seconds, 2) for step, seconds in self.seconds.items()},
        }

    def problems(self) -> list[str]:
        """What is not as it must be, in words; empty when the demonstration showed what it promises."""
        found: list[str] = []
        if self.books is None or not self.books.balance:
            found.append(f"the events do not balance: {self.books}")
        first = self.runs[0] if self.runs else None
        decisions = {s["role"]: s["decision"] for s in first.solutions} if first else {}
        if not decisions or set(decisions.values()) != {"promoted"}:
            found.append(f"the first training did not promote every model: {decisions or 'it is missing'}")
        if any(run.status != "SUCCEEDED" for run in self.runs):
            found.append(f"a training run failed: {[run.outcome for run in self.runs]}")
        risen = sum(change.share_after > change.share_before for change in self.changes)
        if risen < 0.9 * len(self.changes):
            found.append(f"only {risen} of {len(self.changes)} visitors' top {SHARE_OF} followed their clicks")
        return found
