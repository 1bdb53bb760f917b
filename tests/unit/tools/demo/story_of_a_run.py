"""A complete story, as a good run tells it."""

from datetime import UTC, datetime
from typing import Any

from tools.demo.accounts import Books
from tools.demo.cloud import Run
from tools.demo.story import Reranking, Sample, Story
from tools.demo.visitors import Change, Clicker

CAT, DOG = "1-Domestic Short-Hair-2-1", "2-<Beagle>-2-1"
"""One with a space and a hyphen, one that would break a page that does not escape."""


def solution(role: str, decision: str = "promoted", ndcg: float | None = 0.32) -> dict[str, Any]:
    metrics = {"normalized_discounted_cumulative_gain_at_5": ndcg, "coverage": 0.9} if ndcg is not None else {}
    reason = {"rule": "promotion threshold", "passed": decision == "promoted", "text": f"NDCG@5 {ndcg} > 0.01"}
    return {"role": role, "decision": decision, "reasons": [reason], "metrics": metrics, "version": "arn"}


def run(*solutions: dict[str, Any], status: str = "SUCCEEDED", outcome: str = "promoted") -> Run:
    return Run("run", datetime(2026, 1, 1, tzinfo=UTC), status, outcome, list(solutions))


def good_story() -> Story:
    story = Story(began=datetime(2026, 1, 1, tzinfo=UTC))
    story.archived = [(datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC), 120), (datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC), 80)]
    story.samples = [Sample(0.0, 0, 0, 0), Sample(1.0, 200, 100, 1), Sample(2.0, 200, 199, 1)]
    story.malformations, story.reasons = {"NaN": 1}, {"eventValue": 1}
    story.changes = [
        Change(Clicker(str(100_001 + number), "1", [DOG] * 25), [CAT] * 5, [CAT] * 10 + [DOG] * 15)
        for number in range(20)
    ]
    story.stranger, story.stranger_clicked, story.stranger_after = [DOG] * 25, [CAT] * 5, [CAT] * 25
    story.reranking = Reranking("100001", [CAT, DOG], [DOG, CAT], "personalize")
    story.runs = [run(solution("recommendation"), solution("reranking"))]
    story.books = Books(sent=200, accepted=199, quarantined=1, lost=0, duplicated=0, archived=200)
    story.seconds = {"deploy": 40.123, "total": 99.0}
    return story
