"""The newest answers by their `recommendationId`: what users were shown, for implicit impressions.

Source: developer guide, "Recording item interaction events with impressions data": an event that names the answer
which it came from need not list what was shown. Answers are kept in memory; how long the service keeps them is not
documented.
"""

from collections import OrderedDict
from collections.abc import Sequence

from personalize_local.model.entries import Entry

_ANSWERS = 10_000
_SHOWN = 25
"""As many items as an event can list itself (service model, `ImpressionsList`)."""


class RecentAnswers:
    """Remembers the last answers. Used in the event loop's thread alone."""

    def __init__(self, most: int = _ANSWERS) -> None:
        self._most = most
        self._answers: OrderedDict[str, tuple[str, tuple[str, ...]]] = OrderedDict()

    def remember(self, recommendation: str, campaign: str, listed: Sequence[Entry]) -> None:
        """Keep the items of an answer, best first, and the campaign that gave it."""
        # Names alone: thousands of kept lists of objects would be walked again and again by the garbage collector.
        self._answers[recommendation] = (campaign, tuple([entry.item_id for entry in listed[:_SHOWN]]))
        if len(self._answers) > self._most:
            self._answers.popitem(last=False)

    def items(self, recommendation: str) -> list[str]:
        """The first 25 items of an answer; none when it is not known (any more)."""
        _, shown = self._answers.get(recommendation, ("", ()))
        return list(shown)

    def campaign(self, recommendation: str) -> str | None:
        """The ARN of the campaign that gave an answer; None when it is not known (any more)."""
        found = self._answers.get(recommendation)
        return found[0] if found else None
