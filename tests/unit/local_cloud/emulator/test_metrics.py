"""Counting what campaigns answered, from a server's running count."""

import urllib3

from local_cloud.emulator.metrics import LookedAt

Counts = dict[str, dict[str, int]]


def test_each_look_brings_what_was_answered_since_the_last() -> None:
    """Nothing twice; a campaign that is new begins at nothing; one that was not asked is left out."""
    told: list[Counts] = [
        {"GetRecommendations": {"a": 3}},
        {"GetRecommendations": {"a": 5, "b": 1}},
        {"GetRecommendations": {"a": 5, "b": 1}},
    ]
    looked = LookedAt("http://personalize", fetch=lambda _url: told.pop(0))
    assert [("GetRecommendations", "a", 3)] == looked.answered()
    assert [("GetRecommendations", "a", 2), ("GetRecommendations", "b", 1)] == looked.answered()
    assert [] == looked.answered()


def test_a_server_that_was_started_again_counts_from_nothing() -> None:
    """A count that fell is new in whole."""
    told: list[Counts] = [{"GetRecommendations": {"a": 7}}, {"GetRecommendations": {"a": 2}}]
    looked = LookedAt("http://personalize", fetch=lambda _url: told.pop(0))
    looked.answered()
    assert [("GetRecommendations", "a", 2)] == looked.answered()


def test_a_server_that_is_away_is_counted_later() -> None:
    """Nothing is brought then, and nothing is forgotten."""
    told: list[Counts | None] = [{"GetRecommendations": {"a": 1}}, None, {"GetRecommendations": {"a": 4}}]

    def fetch(_url: str) -> Counts:
        found = told.pop(0)
        if found is None:
            raise urllib3.exceptions.HTTPError("away")
        return found

    looked = LookedAt("http://personalize", fetch=fetch)
    assert [("GetRecommendations", "a", 1)] == looked.answered()
    assert [] == looked.answered()
    assert [("GetRecommendations", "a", 3)] == looked.answered()
