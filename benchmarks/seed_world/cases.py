"""The simulated world as test cases for a recommender: the history of a visitor, and the next event."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from lambdas.shared.animal import MEMBERS
from personalize_local.engine.base.data import Catalogue, Events, Float64, History
from personalize_local.engine.base.models import Model
from personalize_local.engine.base.scores import ranking
from seed_data.oracle import gain_at
from seed_data.visits import Visit
from seed_data.world import ENQUIRY, FAVOURITE, VIEW, World

WEIGHTS = {VIEW: 0.2, FAVOURITE: 0.6, ENQUIRY: 1.0}
"""The event weights of `config/`."""
CLICKS = 5
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Case:
    """One test case: the history of a visitor, and the event to predict."""

    history: History
    target: Visit

    def knowing(self, events: int) -> "Case":
        """The same case with only the newest `events` events in the history."""
        known = slice(max(len(self.history) - events, 0), None)
        return Case(
            History(self.history.item[known], self.history.time[known], self.history.weight[known]), self.target
        )


Ranker = Callable[[Case], Float64]


def catalogue_of(world: World) -> Catalogue:
    """The groups of the world with species, breed, size and age, one-hot, and the times when they were created."""
    matrices, fields = [], []
    for field, member in enumerate(MEMBERS):
        values, codes = np.unique([group.metadata[member] for group in world.groups], return_inverse=True)
        ones = np.ones(len(codes), np.float32)
        matrices.append(sparse.csr_matrix((ones, (np.arange(len(codes)), codes)), shape=(len(codes), len(values))))
        fields += [field] * len(values)
    attributes = sparse.csr_matrix(sparse.hstack(matrices))
    return Catalogue(len(world.groups), attributes, world.created.astype(np.float64), np.array(fields, np.int32))


def split(
    world: World,
    made: Sequence[Visit],
    *,
    hidden: frozenset[int] = frozenset(),
    absent: frozenset[str] = frozenset(),
) -> tuple[Events, list[Case]]:
    """Training events, and one case for each id with at least two events: its last event.

    Events on `hidden` groups and of `absent` ids are not among the training events.
    """
    by_user: dict[str, list[Visit]] = defaultdict(list)
    for visit in made:
        by_user[visit.user_id].append(visit)
    rows: list[tuple[int, Visit]] = []
    cases = []
    for number, (user, of_user) in enumerate(by_user.items()):
        known = of_user if len(of_user) < 2 else of_user[:-1]
        known = [visit for visit in known if visit.event.group not in hidden]
        if user not in absent:
            rows += [(number, visit) for visit in known]
        if len(of_user) > 1:
            cases.append(Case(history_of(known), of_user[-1]))
    kept = history_of([visit for _, visit in rows])
    users = np.array([number for number, _ in rows], np.int32)
    return Events(users, kept.item, kept.time, kept.weight, len(by_user), len(world.groups)), cases


def new_groups(world: World, made: Sequence[Visit], catalogue: Catalogue) -> tuple[list[int], Catalogue, list[Case]]:
    """The groups of the last 30 days, a catalogue that has them after all events, and events on them as cases.

    A case is an event on such a group by a visitor with earlier events, of which the last is not on such a group.
    """
    hidden = np.flatnonzero((world.created > -30 * _DAY) & (world.created <= 0)).tolist()
    created = world.created.astype(np.float64)
    created[hidden] = 0.0
    unseen = Catalogue(catalogue.n_items, catalogue.attributes, created, catalogue.fields)
    by_user: dict[str, list[Visit]] = defaultdict(list)
    cases = []
    for visit in made:
        before = by_user[visit.user_id]
        if visit.event.group in hidden and before and visit.last is not None and visit.last.group not in hidden:
            # At time 0, when all of them are listed: the oracle must choose among the same groups.
            known = [v for v in before if v.event.group not in hidden]
            cases.append(Case(history_of(known), visit._replace(moment=0)))
        before.append(visit)
    return hidden, unseen, cases


def history_of(known: Sequence[Visit]) -> History:
    """The history of these events, with the weights of `config/`."""
    return History(
        np.array([visit.event.group for visit in known], np.int32),
        np.array([visit.moment for visit in known], np.float64),
        np.array([WEIGHTS[visit.event.event_type] for visit in known], np.float32),
    )


def gains(cases: Sequence[Case], rank: Ranker, among: Sequence[int] | None = None) -> Float64:
    """NDCG@10 of each case; with `among` only these groups are ranked, which must include the target."""
    chosen = None if among is None else np.asarray(among)
    place = {group: number for number, group in enumerate(among or ())}
    values = []
    for case in cases:
        scores, group = rank(case), case.target.event.group
        values.append(gain_at(scores, group) if chosen is None else gain_at(scores[chosen], place[group]))
    return np.array(values)


def share_after_clicks(world: World, model: Model, cases: Sequence[Case], rng: np.random.Generator) -> Float64:
    """Shape [visitors, 2]: the share of a kind in the first ten groups, before and after five views of it.

    A kind is a species and a size. It is drawn from those with at most two groups in the visitor's first ten: the
    visitor looks for something new.
    """
    kinds = np.array([int(group.species) * 10 + int(group.size) for group in world.groups])
    listed = world.listed(0)
    shares = []
    for case in cases:
        held = kinds[ranking(model.score(case.history), limit=10)]
        others = [kind for kind in np.unique(kinds[:listed]) if (held == kind).sum() <= 2]
        members = np.flatnonzero(kinds[:listed] == rng.choice(others))
        clicks = rng.choice(members, CLICKS).astype(np.int32)
        after = History(
            np.r_[case.history.item, clicks],
            np.r_[case.history.time, np.zeros(CLICKS)],
            np.r_[case.history.weight, np.full(CLICKS, WEIGHTS[VIEW], np.float32)],
        )
        shares.append([np.isin(ranking(model.score(h), limit=10), members).mean() for h in (case.history, after)])
    return np.array(shares)
