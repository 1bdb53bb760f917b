"""GetRecommendations and GetPersonalizedRanking."""

from personalize_local.control.service_context import ServiceContext
from personalize_local.model.validation import Json


def get_recommendations(core: ServiceContext, request: Json) -> Json:
    """GetRecommendations; the answer is remembered by its id."""
    answer = core.runtime.recommend(request)
    core.recent_answers.remember(answer["recommendationId"], request["campaignArn"], answer["itemList"])
    return answer


def get_personalized_ranking(core: ServiceContext, request: Json) -> Json:
    """GetPersonalizedRanking; the answer is remembered by its id."""
    answer = core.runtime.rank(request)
    core.recent_answers.remember(answer["recommendationId"], request["campaignArn"], answer["personalizedRanking"])
    return answer
