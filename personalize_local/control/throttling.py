"""Documented request rates (developer guide, "Amazon Personalize endpoints and quotas"), when they are switched on.

Each second of the server's clock admits so many requests; the others get a ThrottlingException, which SDKs send again.
"""

from collections import Counter
from collections.abc import Callable

from personalize_local.model.clock import Clock
from personalize_local.model.errors import ServiceError
from personalize_local.model.validation import Json
from personalize_local.settings.quotas import Rates


class Throttle:
    """Counts the requests of the current second."""

    def __init__(self, rates: Rates, clock: Clock, group_of: Callable[[str], str | None]) -> None:
        """`group_of` knows the dataset group that the events with a tracking id go to."""
        self._rates, self._clock, self._group_of = rates, clock, group_of
        self._second = -1
        self._counts: Counter[tuple[str, str]] = Counter()

    def check(self, operation: str, request: Json) -> None:
        """Count the request; ThrottlingException when its second is full."""
        second = int(self._clock.now())
        if second != self._second:
            self._second = second
            self._counts.clear()
        match operation:
            case "PutEvents":
                group = self._group_of(request["trackingId"])
                self._count((operation, group or ""), self._rates.put_events_per_group)
            case "PutItems":
                self._count((operation, request["datasetArn"]), self._rates.put_items_per_group)
            case "PutUsers":
                self._count((operation, request["datasetArn"]), self._rates.put_users_per_group)
            case "GetRecommendations" | "GetPersonalizedRanking":
                self._count((operation, request.get("campaignArn", "")), self._rates.runtime_per_campaign)
                self._count(("runtime", ""), self._rates.runtime_total)

    def _count(self, key: tuple[str, str], most: int) -> None:
        self._counts[key] += 1
        if self._counts[key] > most:
            raise ServiceError("ThrottlingException", f"Rate exceeded: {most} requests a second.", 429)
