"""Live traffic: the site's own payloads, from the same world as the seed."""

import json
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest

from lambdas.shared.animal import AnimalGroup
from lambdas.shared.event import decode_event
from seed_data.live import live_events, user_id
from seed_data.world import Parameters, World, build_world

START = 1_780_000_000
N = 5000


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(scope="module")
def events(world: World) -> list[dict[str, Any]]:
    return list(live_events(world, N, START, np.random.default_rng(11)))


def test_every_event_is_a_valid_payload_of_a_known_group(world: World, events: list[dict[str, Any]]) -> None:
    """The handlers' own parser takes each of them and finds a listed group."""
    listed = set(world.item_ids[: world.listed(0)])
    for payload in events:
        event = decode_event(json.dumps(payload).encode(), arrival=START + N)
        assert event.item_id in listed
        assert (payload["eventId"], float(payload["timestamp"])) == (event.event_id, event.occurred_at)


def test_no_two_events_are_alike(events: list[dict[str, Any]]) -> None:
    """Distinct ids; and no visitor has two events in one second, so nothing collapses on the way."""
    assert N == len({payload["eventId"] for payload in events})
    assert N == len({(payload.get("userId", payload["sessionId"]), payload["timestamp"]) for payload in events})


def test_sessions_interleave_in_order(events: list[dict[str, Any]]) -> None:
    """Times never go back, many sessions are open at once, each belongs to one visitor or to nobody."""
    times = [payload["timestamp"] for payload in events]
    assert sorted(times) == times
    assert START == times[0]
    assert abs((times[-1] - START) - N / 20) <= 1
    owners = defaultdict(set)
    for payload in events:
        owners[payload["sessionId"]].add(payload.get("userId"))
    assert {1} == {len(users) for users in owners.values()}
    assert len({payload["sessionId"] for payload in events[1000:1100]}) > 20


def test_a_rush_brings_more_visitors_not_faster_ones(world: World) -> None:
    """A thousand events a second: still no visitor has two in one second."""
    rush = list(live_events(world, N, START, np.random.default_rng(1), per_second=1000.0))
    assert N == len({(payload.get("userId", payload["sessionId"]), payload["timestamp"]) for payload in rush})
    assert START + 4 == rush[-1]["timestamp"]


def test_visitors_are_known_new_and_anonymous(world: World, events: list[dict[str, Any]]) -> None:
    """Each kind has its share of the sessions."""
    known = {user_id(visitor) for visitor in range(world.parameters.visitors) if not world.is_anonymous(visitor)}
    users = {payload["sessionId"]: payload.get("userId") for payload in events}
    kinds = Counter("anonymous" if u is None else "known" if u in known else "new" for u in users.values())
    shares = {kind: count / kinds.total() for kind, count in kinds.items()}
    assert 0.15 < shares["anonymous"] < 0.25
    assert 0.05 < shares["new"] < 0.25
    assert shares["known"] > 0.5


def test_known_visitors_keep_their_taste(world: World, events: list[dict[str, Any]]) -> None:
    """What a visitor of the seed looks at live is what the seed's taste makes likely."""
    number = {item: index for index, item in enumerate(world.item_ids)}
    own, other = [], []
    for payload in events:
        user = payload.get("userId", "")
        if len(user) == 6:
            group = number[AnimalGroup.from_metadata(payload["animalMetadata"]).item_id]
            visitor = int(user) - int(user_id(0))
            own.append(world.taste_of(visitor).liking[group])
            other.append(world.taste_of((visitor + 1) % world.parameters.visitors).liking[group])
    assert np.mean(own) > np.mean(other) + 0.2


def test_the_same_generator_gives_the_same_traffic(world: World, events: list[dict[str, Any]]) -> None:
    """Traffic is reproducible from the random numbers given."""
    assert events[:500] == list(live_events(world, 500, START, np.random.default_rng(11)))


def test_upcoming_groups_come_only_when_asked_for() -> None:
    """With `upcoming`, traffic holds groups that the catalogue does not."""
    world = build_world(parameters=Parameters(upcoming=300))
    listed = set(world.item_ids[: world.listed(0)])

    def unknown(*, upcoming: bool) -> int:
        traffic = live_events(world, 2000, START, np.random.default_rng(1), upcoming=upcoming)
        return sum(decode_event(json.dumps(p).encode(), arrival=START + N).item_id not in listed for p in traffic)

    assert unknown(upcoming=False) == 0
    assert unknown(upcoming=True) > 0
