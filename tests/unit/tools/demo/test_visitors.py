"""Visitors who click: whom, what, and how the change is counted."""

import numpy as np
import pytest

from seed_data.generate import build_world
from seed_data.world import World
from tools.demo.accounts import interaction
from tools.demo.visitors import Change, Clicker, clicks, groups_of, known_visitors, less_seen, share

CATS, DOGS = ["1-Siamese-1-1", "1-Manx-2-1"], ["2-Beagle-2-1", "2-Pug-1-1", "2-Pug-1-2"]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def test_share_is_the_part_of_the_species() -> None:
    """Two of five are cats; no recommendation has no share."""
    assert 0.4 == share([*CATS, *DOGS], "1")
    assert 0.0 == share([], "1")


def test_less_seen_species_is_clicked() -> None:
    """What a visitor is recommended less of has room to rise; cats where both are equal."""
    assert "1" == less_seen([*CATS, *DOGS])
    assert "2" == less_seen([*CATS, DOGS[0]])
    assert "1" == less_seen([CATS[0], DOGS[0]])


def test_change_compares_the_clicked_species() -> None:
    """The shares before and after are of the species that was clicked."""
    change = Change(Clicker("u", "1", DOGS), CATS, [*CATS, *DOGS])
    assert (0.0, 0.4, "cats") == (change.share_before, change.share_after, change.clicker.kind)


def test_visitors_of_the_seed_who_sign_in(world: World) -> None:
    """Each visitor once, none of the anonymous."""
    chosen = known_visitors(world, 20, np.random.default_rng(1))
    assert 20 == len(set(chosen))
    assert all(not world.is_anonymous(int(user) - 100_001) for user in chosen)


def test_clicked_groups_are_listed_and_of_the_species(world: World) -> None:
    """Nobody clicks what the site does not list yet."""
    groups = groups_of(world, "1", 5, np.random.default_rng(1))
    assert 5 == len(set(groups))
    assert {"1"} == {group[0] for group in groups}
    assert set(groups) <= set(world.item_ids[: world.listed(0)])


def test_clicks_are_different_events_of_one_session() -> None:
    """One session, rising seconds, ids of their own; without a visitor they are the session's."""
    made = list(clicks("u1", CATS))
    assert [("u1", group, "DetailView") for group in CATS] == [interaction(event)[:3] for event in made]
    assert 1 == len({event["sessionId"] for event in made})
    assert 2 == len({event["eventId"] for event in made})
    assert 1 == made[1]["timestamp"] - made[0]["timestamp"]

    (anonymous,) = clicks(None, CATS[:1], session="s-1")
    assert ("s-1", False) == (interaction(anonymous)[0], "userId" in anonymous)
