"""The world's strength is fixed, its signal is there, and the oracle's chances are the true ones."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from seed_data.oracle import Oracle, gain_at
from seed_data.visits import Visit, visits
from seed_data.world import ENQUIRY, FAVOURITE, VIEW, Last, Parameters, World, build_world

JUDGED = 3000


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(scope="module")
def made(world: World) -> list[Visit]:
    return list(visits(world))


@pytest.fixture(scope="module")
def judged(made: list[Visit]) -> list[Visit]:
    chosen = np.random.default_rng(0).choice(len(made), JUDGED, replace=False)
    return [made[number] for number in chosen]


def popularity(world: World, made: list[Visit]) -> np.ndarray:
    counts = np.zeros(len(world.groups))
    for _, group in {(visit.user_id, visit.event.group) for visit in made}:
        counts[group] += 1
    return counts


def test_the_worlds_strength_is_fixed(world: World, made: list[Visit], judged: list[Visit]) -> None:
    """On a visitor's next event the oracle's NDCG@10 is in 0.2..0.5, popularity's below 0.4 of it."""
    oracle = Oracle(world)
    counts = popularity(world, made)
    best = float(np.mean([gain_at(oracle.chances(visit), visit.event.group) for visit in judged]))
    popular = float(np.mean([gain_at(counts, visit.event.group) for visit in judged]))
    assert 0.2 <= best <= 0.5
    assert popular < 0.4 * best


def test_the_strength_does_not_come_from_repeats(world: World, made: list[Visit], judged: list[Visit]) -> None:
    """Where the next event is on another group than the last, the same bounds hold."""
    turns = [visit for visit in judged if visit.last is None or visit.last.group != visit.event.group]
    oracle = Oracle(world)
    counts = popularity(world, made)
    best = float(np.mean([gain_at(oracle.chances(visit), visit.event.group) for visit in turns]))
    popular = float(np.mean([gain_at(counts, visit.event.group) for visit in turns]))
    assert 0.2 <= best <= 0.5
    assert popular < 0.4 * best


@pytest.mark.parametrize("column", ["breed", "size", "age"])
def test_histories_hold_more_of_one_kind_than_chance(world: World, made: list[Visit], column: str) -> None:
    """Two events in a row share breed, size or age clearly more often than when histories are shuffled.

    Events on one group are left out, and for size and age those on one breed: a repeat shows no taste for the column.
    """

    def pairing(groups_of: list[list[int]]) -> float:
        same = total = 0
        for groups in groups_of:
            for first, second in pairwise(world.groups[group] for group in groups):
                if (first != second) if column == "breed" else (first.breed != second.breed):
                    total += 1
                    same += getattr(first, column) == getattr(second, column)
        return same / total

    histories = defaultdict(list)
    for visit in made:
        histories[visit.user_id].append(visit.event.group)
    pool = np.random.default_rng(0).permutation([group for groups in histories.values() for group in groups]).tolist()
    shuffled = [[pool.pop() for _ in groups] for groups in histories.values()]
    assert pairing(list(histories.values())) > 1.25 * pairing(shuffled)


def test_species_pairs_too(world: World, made: list[Visit]) -> None:
    """Most visitors keep to cats or to dogs."""
    species: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for visit in made:
        species[visit.visitor][world.groups[visit.event.group].species] += 1
    faithful = [max(counts.values()) / counts.total() for counts in species.values() if counts.total() >= 10]
    assert float(np.mean(faithful)) > 0.85


def test_the_chances_sum_to_one_and_spare_what_is_not_listed(world: World, judged: list[Visit]) -> None:
    """A probability over the groups listed at that moment, and no other."""
    oracle = Oracle(world)
    for visit in judged[:200]:
        chances = oracle.chances(visit)
        assert abs(chances.sum() - 1) < 1e-9
        assert not chances[world.listed(visit.moment) :].any()


@pytest.mark.parametrize("last_type", [VIEW, FAVOURITE, ENQUIRY])
def test_the_chances_are_those_that_events_are_drawn_with(world: World, last_type: str) -> None:
    """Drawing many next events gives the oracle's chances: no group is off by more than five standard errors."""
    taste = world.taste_of(3)
    last = Last(int(world.next_chances(taste, None, 0).argmax()), last_type)
    rng = np.random.default_rng(1)
    n = 20_000
    drawn = np.bincount([world.draw_next(taste, last, 0, rng).group for _ in range(n)], minlength=len(world.groups))
    chances = world.next_chances(taste, last, 0, same_session=True)
    deviation = np.abs(drawn - n * chances) / np.sqrt(np.maximum(n * chances * (1 - chances), 1.0))
    assert deviation.max() < 5


def test_not_knowing_the_session_mixes_both_cases(world: World) -> None:
    """One session in `session_events` ends with each event."""
    taste, last = world.taste_of(8), Last(5, VIEW)
    ends = 1 / world.parameters.session_events
    mixed = ends * world.next_chances(taste, last, 0, same_session=False) + (1 - ends) * world.next_chances(
        taste, last, 0, same_session=True
    )
    np.testing.assert_allclose(world.next_chances(taste, last, 0), mixed)


def test_nobody_beats_the_oracle(world: World, judged: list[Visit]) -> None:
    """Its chances are likelier than the same chances of another visitor, or of one without a last event."""
    oracle = Oracle(world)

    def likelihood(visits: list[Visit]) -> float:
        return float(
            np.mean(
                [
                    np.log(oracle.chances(visit)[real.event.group] + 1e-12)
                    for visit, real in zip(visits, judged, strict=True)
                ]
            )
        )

    best = likelihood(judged)
    forgetful = [visit._replace(last=None) for visit in judged]
    strangers = [visit._replace(visitor=(visit.visitor + 1) % world.parameters.visitors) for visit in judged]
    assert best > likelihood(forgetful) + 0.1
    assert best > likelihood(strangers) + 1.0


def test_there_is_a_funnel(made: list[Visit]) -> None:
    """Views are many, favourites fewer, enquiries fewest; each follows the step before it on the same group."""
    types = Counter(visit.event.event_type for visit in made)
    assert {VIEW, FAVOURITE, ENQUIRY} == set(types)
    assert types[VIEW] > 4 * types[FAVOURITE] > 8 * types[ENQUIRY]
    before = {FAVOURITE: VIEW, ENQUIRY: FAVOURITE}
    for visit in made:
        if visit.event.event_type in before:
            assert Last(visit.event.group, before[visit.event.event_type]) == visit.last


def test_favourites_show_taste(world: World, made: list[Visit]) -> None:
    """What is favourited is liked more than what is only seen."""
    liking = defaultdict(list)
    for visit in made[:20_000]:
        liking[visit.event.event_type].append(world.taste_of(visit.visitor).liking[visit.event.group])
    assert np.mean(liking[FAVOURITE]) > np.mean(liking[VIEW]) + 0.05


def test_visits_are_spread_over_the_days(world: World, made: list[Visit]) -> None:
    """Inside the seed's days, in order within a visitor, most visitors on several days."""
    start = -world.parameters.days * 86_400
    assert all(start <= visit.moment < 0 for visit in made)
    moments = defaultdict(list)
    for visit in made:
        moments[visit.visitor].append(visit.moment)
    assert all(first < second for of in moments.values() for first, second in pairwise(of))
    days = [len({moment // 86_400 for moment in of}) for of in moments.values() if len(of) >= 20]
    assert np.median(days) >= 3


def test_groups_appear_over_time(world: World, made: list[Visit]) -> None:
    """About one in seven groups came during the seed's days; nobody saw it before."""
    start = -world.parameters.days * 86_400
    newcomers = int(((world.created > start) & (world.created <= 0)).sum())
    assert round(world.parameters.newcomers * len(world.groups)) == newcomers
    assert all(visit.moment >= world.created[visit.event.group] for visit in made)
    assert world.parameters.upcoming == len(world.groups) - world.listed(0)


def test_anonymous_sessions_are_strangers(world: World, made: list[Visit]) -> None:
    """A visitor who never signs in has a new id in each session; the others have one id for good."""
    ids = defaultdict(set)
    for visit in made:
        ids[visit.visitor].add(visit.user_id)
    anonymous = [visitor for visitor in ids if world.is_anonymous(visitor)]
    assert round(world.parameters.visitors * world.parameters.anonymous) == len(anonymous)
    assert {1} == {len(ids[visitor]) for visitor in ids if visitor not in set(anonymous)}
    assert np.mean([len(ids[visitor]) for visitor in anonymous]) > 2
    assert len({user for users in ids.values() for user in users}) == sum(len(users) for users in ids.values())


@pytest.mark.parametrize(("parameter", "less", "more"), [("taste", 0.5, 1.5), ("noise", 0.5, 0.0)])
def test_taste_and_noise_set_the_strength(parameter: str, less: float, more: float) -> None:
    """More taste and less noise make the next event easier to predict."""

    def best(value: float) -> float:
        world = build_world(parameters=Parameters(visitors=100, events=2000, **{parameter: value}))  # type: ignore[arg-type]
        oracle = Oracle(world)
        return float(np.mean([gain_at(oracle.chances(visit), visit.event.group) for visit in visits(world)]))

    assert best(more) > best(less) + 0.05


def test_without_taste_all_visitors_are_alike() -> None:
    """Strength 0: everybody's chances are the same."""
    world = build_world(parameters=Parameters(taste=0.0))
    np.testing.assert_allclose(
        world.next_chances(world.taste_of(0), None, 0), world.next_chances(world.taste_of(1), None, 0)
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"noise": 1.5}, "noise must be from 0 to 1, not 1.5"),
        ({"events": 10}, "events .10. must be at least visitors"),
        ({"taste": -1.0}, "taste must not be negative"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, float], message: str) -> None:
    """The message names the parameter and its value."""
    with pytest.raises(ValueError, match=message):
        Parameters(**parameters)  # type: ignore[arg-type]


def test_ties_count_half() -> None:
    """A group that ties with all others stands in their middle, whatever its number."""
    assert [gain_at(np.ones(5), group) for group in range(5)] == [0.5] * 5
    assert gain_at(np.array([3.0, 2.0, 1.0]), 2, cutoff=2) == 0.0
