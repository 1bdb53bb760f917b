"""The newest answers by their `recommendationId`: what visitors were shown, for implicit impressions.

Source: developer guide, "Recording item interaction events with impressions data": an event that names the answer
which it came from need not list what was shown. Answers are kept in memory; how long the service keeps them is not
documented.
"""

from collections.abc import Sequence

from local.personalize.validation import Json

_ANSWERS = 10_000
_SHOWN = 25
"""As many items as an event can list itself (service model, `ImpressionsList`)."""


class Recommended:
    """Remembers the last answers. Used in the event loop's thread alone."""

    def __init__(self, most: int = _ANSWERS) -> None:
        self._most = most
        self._answers: dict[str, tuple[str, Sequence[Json]]] = {}

    def remember(self, recommendation: str, campaign: str, listed: Sequence[Json]) -> None:
        """Keep the items of an answer, best first, and the campaign that gave it."""
        self._answers[recommendation] = (campaign, listed)
        if len(self._answers) > self._most:
            del self._answers[next(iter(self._answers))]

    def items(self, recommendation: str) -> list[str]:
        """The first 25 items of an answer; none when it is not known (any more)."""
        _, listed = self._answers.get(recommendation, ("", ()))
        return [entry["itemId"] for entry in listed[:_SHOWN]]

    def campaign(self, recommendation: str) -> str | None:
        """The ARN of the campaign that gave an answer; None when it is not known (any more)."""
        found = self._answers.get(recommendation)
        return found[0] if found else None
