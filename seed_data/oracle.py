"""The best that anyone can do on the simulated world, and how to compare with it."""

import math
from dataclasses import dataclass, field

from seed_data.visits import Visit
from seed_data.world import Float64, Taste, World


@dataclass(slots=True)
class Oracle:
    """Knows each visitor's taste, and so the exact chances of each next event."""

    world: World
    _tastes: dict[int, Taste] = field(default_factory=dict)

    def chances(self, visit: Visit) -> Float64:
        """The chance of each of the world's groups to be the visit's, given all that came before; they sum to one."""
        if visit.visitor not in self._tastes:
            self._tastes[visit.visitor] = self.world.taste_of(visit.visitor)
        return self.world.next_chances(self._tastes[visit.visitor], visit.last, visit.moment)


def gain_at(scores: Float64, group: int, cutoff: int = 10) -> float:
    """NDCG at `cutoff` of ranking by `scores` when `group` came: 1 / log2(1 + its position), 0 below the cutoff.

    Groups that score the same as the one that came count half before it.
    """
    of_group = scores[group]
    position = 1 + int((scores > of_group).sum()) + (int((scores == of_group).sum()) - 1) // 2
    return 1 / math.log2(1 + position) if position <= cutoff else 0.0
