"""How many requests each campaign has answered since the server started."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from personalize_local.model.validation import Json

COUNTED = frozenset({"GetRecommendations", "GetPersonalizedRanking"})
"""What Amazon Personalize publishes by campaign: Developer Guide, "CloudWatch metrics for Amazon Personalize"."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts answered requests by operation and campaign. Used by one thread, the event loop's."""

    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count(self, operation: str, request: Json) -> None:
        """Count a request that was answered."""
        if operation in COUNTED and (campaign := request.get("campaignArn")):
            self._counts[operation, campaign] += 1

    def by_operation(self) -> Mapping[str, Mapping[str, int]]:
        """`{OPERATION: {CAMPAIGN: REQUESTS}}`."""
        found: dict[str, dict[str, int]] = {}
        for (operation, campaign), count in self._counts.items():
            found.setdefault(operation, {})[campaign] = count
        return found
