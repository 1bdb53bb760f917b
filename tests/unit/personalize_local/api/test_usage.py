"""What the embedded Personalize counts for CloudWatch."""

from personalize_local.api.usage import Usage


def test_answered_requests_are_counted_by_campaign() -> None:
    """The two operations that AWS counts by campaign; others, and requests to a recommender, are not."""
    usage = Usage()
    for campaign in ("a", "a", "b"):
        usage.count("GetRecommendations", {"campaignArn": campaign})
    usage.count("GetPersonalizedRanking", {"campaignArn": "a"})
    usage.count("GetRecommendations", {"recommenderArn": "r"})
    usage.count("DescribeCampaign", {"campaignArn": "a"})
    assert {"GetRecommendations": {"a": 2, "b": 1}, "GetPersonalizedRanking": {"a": 1}} == usage.by_operation()
