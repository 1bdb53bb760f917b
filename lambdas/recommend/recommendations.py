"""Which animal groups to show to a visitor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lambdas.recommend.filters import filter_parameters
from lambdas.shared.fields import whole_number
from lambdas.shared.names import Names
from lambdas.shared.runtime import Campaign, NoAnswer
from lambdas.shared.serving_environment import ServingEnvironment
from lambdas.shared.visitor import flag, request_context, visitor_id

DEFAULT_LIMIT = 10
HIGHEST_LIMIT = 500
_FIELDS = Names("userId", "sessionId", "limit", "filters", "context", "detail", "body")


@dataclass(frozen=True, slots=True)
class RecommendRequest:
    """What the site asks (docs/develop/payloads.md)."""

    user_id: str
    limit: int
    detail: bool
    filtered: Mapping[str, Any]
    """The filter part of GetRecommendations; empty without a filter."""
    context: Mapping[str, str] | None
    judged: Mapping[str, object]
    """The members as given that only Personalize can judge."""

    @classmethod
    def parse(cls, payload: dict[str, Any], filter_arns: Mapping[str, str]) -> Self:
        """The request of a payload. Raises PayloadError."""
        _FIELDS.check(payload)
        limit = payload.get("limit")
        return cls(
            limit=DEFAULT_LIMIT if limit is None else whole_number(limit, "limit", 1, HIGHEST_LIMIT),
            detail=flag(payload, "detail"),
            context=request_context(payload),
            user_id=visitor_id(payload),
            filtered=filter_parameters(payload.get("filters"), filter_arns),
            judged={name: payload.get(name) for name in ("filters", "context")},
        )

    def parameters(self) -> dict[str, Any]:
        """The request as GetRecommendations takes it, but for the campaign."""
        context = {"context": self.context} if self.context else {}
        return {"userId": self.user_id, "numResults": self.limit, **self.filtered, **context}


@dataclass(frozen=True, slots=True)
class Recommendations:
    """The answer: `body` as the site gets it; `failure` is why its groups are the popular ones, None when they are not.

    `asleep` says that they are the popular ones because the environment sleeps, which is no failure.
    """

    body: list[dict[str, Any]]
    failure: str | None = None
    asleep: bool = False


@dataclass(frozen=True, slots=True)
class Recommender:
    """Answers requests for recommendations from a campaign, or from the popular list."""

    campaign: Campaign
    filter_arns: Mapping[str, str]

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """The recommender that the function's environment variables describe."""
        environment = ServingEnvironment.read(variables)
        return cls(Campaign.of(environment), environment.filter_arns)

    def recommend(self, payload: dict[str, Any]) -> Recommendations:
        """The groups for the visitor of `payload`, best first. Raises PayloadError."""
        answer_by = self.campaign.answer_by()
        request = RecommendRequest.parse(payload, self.filter_arns)
        answer = self.campaign.answer(
            "get_recommendations", request.parameters(), judged=request.judged, answer_by=answer_by
        )
        if isinstance(answer, NoAnswer):
            items = [{"itemId": item_id} for item_id in answer.popular[: request.limit]]
            shown = [_item(item, request.detail, None, source=answer.source) for item in items]
            return Recommendations(shown, answer.failure, asleep=answer.failure is None)
        recommendation_id = answer.get("recommendationId")
        return Recommendations([_item(item, request.detail, recommendation_id) for item in answer.get("itemList", ())])


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
