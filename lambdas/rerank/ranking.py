"""In which order to show a list of animals to a visitor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lambdas.shared.animal import AnimalGroup
from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import elements, identifier, members
from lambdas.shared.names import Names
from lambdas.shared.runtime import Campaign, NoAnswer
from lambdas.shared.serving_environment import ServingEnvironment
from lambdas.shared.visitor import request_context, visitor_id

MOST_ANIMALS = 5000
MOST_GROUPS = 500
"""GetPersonalizedRanking's; the scores of two calls cannot be compared, so a longer list cannot be cut in two."""

_METADATA = ("RequestId", "HTTPStatusCode", "RetryAttempts")
_HEADERS = ("date", "content-type", "content-length", "connection", "x-amzn-requestid")
_FIELDS = Names("userId", "sessionId", "itemMetadataList", "context", "body")
_ENTRY = Names("itemId", "animalMetadata")


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """What the site asks (docs/develop/payloads.md)."""

    user_id: str
    animals: Mapping[str, list[object]]
    """The animals' ids as given, by group, both in the order of the list."""
    context: Mapping[str, str] | None
    judged: Mapping[str, object]
    """The members as given that only Personalize can judge."""

    @classmethod
    def parse(cls, payload: dict[str, Any], breeds: Breeds) -> Self:
        """The request of a payload. Raises PayloadError."""
        _FIELDS.check(payload)
        return cls(
            animals=_animals_by_group(payload.get("itemMetadataList"), breeds),
            context=request_context(payload),
            user_id=visitor_id(payload),
            judged={"context": payload.get("context")},
        )

    def parameters(self) -> dict[str, Any]:
        """The request as GetPersonalizedRanking takes it, but for the campaign."""
        context = {"context": self.context} if self.context else {}
        return {"userId": self.user_id, "inputList": list(self.animals), **context}


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer: `body` as the site gets it; `failure` is why the order is by popularity, None when it is not.

    `asleep` says that it is by popularity because the environment sleeps, which is no failure.
    """

    body: dict[str, Any]
    failure: str | None = None
    asleep: bool = False


@dataclass(frozen=True, slots=True)
class Reranker:
    """Answers requests for rankings from a campaign, or by popularity."""

    campaign: Campaign
    breeds: Breeds = LATIN

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """The re-ranker that the function's environment variables describe."""
        environment = ServingEnvironment.read(variables)
        return cls(Campaign.of(environment), environment.breeds)

    def rerank(self, payload: dict[str, Any]) -> Ranking:
        """The visitor's order of `itemMetadataList`. Raises PayloadError.

        Animals of one group keep their order; groups that Personalize does not know go last, in the order given, with
        the score 0.
        """
        answer_by = self.campaign.answer_by()
        request = RerankRequest.parse(payload, self.breeds)
        if not request.animals:
            return Ranking(_body(request.animals, []))
        answer = self.campaign.answer(
            "get_personalized_ranking", request.parameters(), judged=request.judged, answer_by=answer_by
        )
        if isinstance(answer, NoAnswer):
            places = {item_id: place for place, item_id in enumerate(answer.popular)}
            # Stable: ties keep their order.
            order = sorted(request.animals, key=lambda item_id: places.get(item_id, len(places)))
            body = _body(request.animals, [{"itemId": item_id} for item_id in order], source=answer.source)
            return Ranking(body, answer.failure, asleep=answer.failure is None)
        return Ranking(_body(request.animals, answer.get("personalizedRanking", []), answer))


def _animals_by_group(given: object, breeds: Breeds) -> dict[str, list[object]]:
    """The animals' ids as given, by group, both in the order of the list."""
    if given is None:
        raise PayloadError("itemMetadataList", given, "is missing")
    animals: dict[str, list[object]] = {}
    for place, entry in enumerate(elements(given, "itemMetadataList", most=MOST_ANIMALS)):
        field = f"itemMetadataList[{place}]"
        animal = members(entry, field)
        _ENTRY.check(animal, field)
        identifier(animal.get("itemId"), f"{field}.itemId")
        group = AnimalGroup.from_metadata(animal.get("animalMetadata"), f"{field}.animalMetadata", breeds=breeds)
        animals.setdefault(group.item_id, []).append(animal["itemId"])
    if len(animals) > MOST_GROUPS:
        message = f"must have at most {MOST_GROUPS} different groups, has {len(animals)}"
        raise PayloadError("itemMetadataList", given, message)
    return animals


def _body(
    animals: Mapping[str, list[object]],
    ranked: list[dict[str, Any]],
    answer: Mapping[str, Any] | None = None,
    *,
    source: str = "personalize",
) -> dict[str, Any]:
    """The answer for groups in the order of `ranked`; those without a score or a place there follow as given.

    The service scores an item that it does not know 0. Readers of the published sample read a score of every group.
    """
    scored = [item for item in ranked if item.get("score") or source != "personalize"]
    known = {item["itemId"] for item in scored}
    ordered = [*scored, *({"itemId": item_id} for item_id in animals if item_id not in known)]
    response = {
        "personalizedRanking": [{"itemId": item["itemId"], "score": item.get("score") or 0.0} for item in ordered],
        "recommendationId": answer.get("recommendationId") if answer else None,
    }
    if answer:
        response["ResponseMetadata"] = _metadata(answer.get("ResponseMetadata", {}))
    return {
        "ranking": [animal for item in ordered for animal in animals.get(item["itemId"], ())],
        "personalizeResponse": response,
        "source": source,
    }


def _metadata(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the SDK tells of the call, with the headers that the published sample's README shows, and no others."""
    headers = given.get("HTTPHeaders", {})
    shown = {name: headers[name] for name in _HEADERS if name in headers}
    return {**{name: given[name] for name in _METADATA if name in given}, "HTTPHeaders": shown}
