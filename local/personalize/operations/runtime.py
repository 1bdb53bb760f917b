"""GetRecommendations and GetPersonalizedRanking."""

from typing import TYPE_CHECKING

from local.personalize.validation import Json

if TYPE_CHECKING:
    from local.personalize.service import Personalize


def get_recommendations(service: "Personalize", request: Json) -> Json:
    """GetRecommendations."""
    return service.serving.recommend(request)


def get_personalized_ranking(service: "Personalize", request: Json) -> Json:
    """GetPersonalizedRanking."""
    return service.serving.rank(request)
