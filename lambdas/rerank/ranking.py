"""In which order to show a list of animals to a visitor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lambdas.shared.animal import AnimalGroup
from lambdas.shared.attempts import InvalidRequestError, UnavailableError
from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import elements, identifier, members
from lambdas.shared.names import Names
from lambdas.shared.runtime import Campaign
from lambdas.shared.visitor import blame_caller, request_context, visitor_id

MOST_ANIMALS = 5000
MOST_GROUPS = 500
"""GetPersonalizedRanking's; the scores of two calls cannot be compared, so a longer list cannot be cut in two."""

_METADATA = ("RequestId", "HTTPStatusCode", "RetryAttempts")
_HEADERS = ("date", "content-type", "content-length", "connection", "x-amzn-requestid")
_FIELDS = Names("userId", "sessionId", "itemMetadataList", "context", "body")
_ENTRY = Names("itemId", "animalMetadata")


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
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The re-ranker that the function's environment variables describe."""
        return cls(Campaign.from_environment(environment), Breeds.named(environment.get("BREED_SCRIPTS", "Latin")))

    def rerank(self, payload: dict[str, Any]) -> Ranking:
        """The visitor's order of `itemMetadataList` (docs/payloads.md). Raises PayloadError.

        Animals of one group keep their order; groups that Personalize does not know go last, in the order given, with
        the score 0.
        """
        answer_by = self.campaign.answer_by()
        _FIELDS.check(payload)
        animals = _animals_by_group(payload.get("itemMetadataList"), self.breeds)
        context = request_context(payload)
        parameters = {
            "userId": visitor_id(payload),
            "inputList": list(animals),
            **({"context": context} if context else {}),
        }
        if not animals:
            return Ranking(_body(animals, []))
        try:
            answer = self.campaign.ask("get_personalized_ranking", parameters, answer_by=answer_by)
        except UnavailableError as error:
            return self._by_popularity(animals, error.code, answer_by)
        except InvalidRequestError as error:
            blame_caller(error, payload, "context")
            return self._by_popularity(animals, error.code, answer_by)
        return Ranking(_body(animals, answer.get("personalizedRanking", []), answer))

    def _by_popularity(self, animals: dict[str, list[object]], failure: str, answer_by: float) -> Ranking:
        asleep = self.campaign.is_asleep(failure, answer_by=answer_by)
        source = "asleep" if asleep else "popular"
        places = {item_id: place for place, item_id in enumerate(self.campaign.popular_groups(answer_by=answer_by))}
        order = sorted(animals, key=lambda item_id: places.get(item_id, len(places)))  # stable: ties keep their order
        body = _body(animals, [{"itemId": item_id} for item_id in order], source=source)
        return Ranking(body, None if asleep else failure, asleep)


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
    animals: dict[str, list[object]],
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
