"""Which animal groups to show to a visitor."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lambdas.recommend.filters import filter_parameters
from lambdas.shared.attempts import InvalidRequestError, UnavailableError
from lambdas.shared.fields import whole_number
from lambdas.shared.names import Names
from lambdas.shared.runtime import Campaign
from lambdas.shared.visitor import blame_caller, flag, request_context, visitor_id

DEFAULT_LIMIT = 10
HIGHEST_LIMIT = 500
_FIELDS = Names("userId", "sessionId", "limit", "filters", "context", "detail", "body")


@dataclass(frozen=True, slots=True)
class Recommendations:
    """The answer: `items` as the site gets them; `failure` is why they are the popular ones, None when they are not.

    `asleep` says that they are the popular ones because the environment sleeps, which is no failure.
    """

    items: list[dict[str, Any]]
    failure: str | None = None
    asleep: bool = False


@dataclass(frozen=True, slots=True)
class Recommender:
    """Answers requests for recommendations from a campaign, or from the popular list."""

    campaign: Campaign
    filter_arns: Mapping[str, str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The recommender that the function's environment variables describe."""
        return cls(Campaign.from_environment(environment), json.loads(environment["FILTER_ARNS"]))

    def recommend(self, payload: dict[str, Any]) -> Recommendations:
        """The groups for the visitor of `payload` (docs/payloads.md), best first. Raises PayloadError."""
        answer_by = self.campaign.answer_by()
        _FIELDS.check(payload)
        given = payload.get("limit")
        limit = DEFAULT_LIMIT if given is None else whole_number(given, "limit", 1, HIGHEST_LIMIT)
        detail = flag(payload, "detail")
        context = request_context(payload)
        parameters = {
            "userId": visitor_id(payload),
            "numResults": limit,
            **filter_parameters(payload.get("filters"), self.filter_arns),
            **({"context": context} if context else {}),
        }
        try:
            answer = self.campaign.ask("get_recommendations", parameters, answer_by=answer_by)
        except UnavailableError as error:
            return self._popular(limit, detail, error.code, answer_by)
        except InvalidRequestError as error:
            blame_caller(error, payload, "filters", "context")
            return self._popular(limit, detail, error.code, answer_by)
        return Recommendations(
            [_item(item, detail, answer.get("recommendationId")) for item in answer.get("itemList", ())]
        )

    def _popular(self, limit: int, detail: bool, failure: str, answer_by: float) -> Recommendations:
        asleep = self.campaign.is_asleep(failure, answer_by=answer_by)
        source = "asleep" if asleep else "popular"
        items = [{"itemId": item_id} for item_id in self.campaign.popular_groups(answer_by=answer_by)[:limit]]
        return Recommendations(
            [_item(item, detail, None, source=source) for item in items], None if asleep else failure, asleep
        )


def _item(
    item: dict[str, Any], detail: bool, recommendation_id: str | None, *, source: str = "personalize"
) -> dict[str, Any]:
    if not detail:
        return {"id": item["itemId"]}
    return {
        "id": item["itemId"],
        "score": item.get("score"),
        "reason": item.get("reason"),
        "recommendationId": recommendation_id,
        "source": source,
    }
