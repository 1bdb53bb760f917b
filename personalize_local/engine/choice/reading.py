"""The sequence model's scores of one history, as fast as a request needs them.

The same sum of weighted features that `evidence` makes for many histories at once, rearranged for one: constants are
computed when the model is made, all that is linear in the attributes goes through one product, and the features
themselves are never written down. No sparse matrix is built.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from personalize_local.engine.base.data import Float32, Float64, History, Indices, Int32
from personalize_local.engine.choice.features import FOLLOWS, PSEUDO_EVENTS, FeatureExtractor
from personalize_local.engine.choice.next_item import NextItemMixture
from personalize_local.engine.linear.ridge import NextItemRidge


@dataclass(frozen=True, slots=True)
class Following:
    """One next-item ridge, ready for rows of histories."""

    ridge: NextItemRidge
    everywhere: bool
    """Every item has a column of its own, in the order of the items."""
    place: Int32
    """Shape [n_items]: the column of each item, -1 for those without."""
    lift: np.float32
    of_kind: np.float32
    again: np.float32
    """The blend's weights of this ridge's three features."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Evidence and blend, ready for one history at a time."""

    journey: NextItemMixture
    onward: np.float32
    """The blend's weight of the journey."""
    attributes: sparse.csr_matrix
    rows: tuple[Int32, Int32, Float32]
    """Where each item's attributes begin [n_items + 1], which they are, and their values."""
    fields: Int32
    per_share: Float32
    """Shape [n_items]: one over each item's share."""
    per_usual: Float32
    usual: Float32
    log_usual: Float32
    unproven: Float32
    stranger: Float32
    """Shape [n_items]: what a stranger scores by the popularities alone."""
    friend: Float32
    """Shape [n_items]: the same of a visitor with an endless history."""
    of_field: Float32
    """Shape [n_fields]: the blend's weights of the kinds."""
    short: Following
    long: Following

    @classmethod
    def of(cls, evidence: FeatureExtractor, blend: Float64) -> Self:
        """A reader whose scores equal `evidence.of_history(history) @ blend` but for rounding."""
        weights = blend.astype(np.float32)
        now, always = weights[4:7], weights[7 : 4 + len(FOLLOWS)]
        attributes = evidence.attributes
        return cls(
            journey=evidence.journey,
            onward=weights[-1],
            attributes=attributes,
            rows=(attributes.indptr, attributes.indices, attributes.data),
            fields=evidence.fields,
            per_share=np.exp(-evidence.log_share),
            per_usual=np.exp(-evidence.log_usual),
            usual=np.exp(evidence.log_usual),
            log_usual=evidence.log_usual,
            unproven=evidence.unproven,
            stranger=weights[0] * evidence.log_share + weights[1] * evidence.log_recent,
            friend=weights[2] * evidence.log_share + weights[3] * evidence.log_recent,
            of_field=weights[4 + len(FOLLOWS) : -1],
            short=_following(evidence.short, now, len(evidence.log_share)),
            long=_following(evidence.long, always, len(evidence.log_share)),
        )

    def score(self, history: History) -> Float32:
        """The score of each item, shape [n_items]; the history's weights in units of a training event's."""
        items, mood, taste = self._rows_of(history)
        weight = 1 / (1 + taste.sum(dtype=np.float32))
        scores: Float32 = weight * self.stranger + (1 - weight) * self.friend
        scores += self.onward * self.journey.log_chances_after(history, self.long.ridge.reach)
        if not len(items):
            return scores
        held_now, held = self._held(items, mood, taste)
        kinds = self.kinds(held)
        kinds += self._follow(self.short, items, mood, held_now, scores)
        kinds += self._follow(self.long, items, taste, held, scores)
        if len(kinds):
            scores += self.attributes @ kinds
        return scores

    def _rows_of(self, history: History) -> tuple[Indices, Float32, Float32]:
        """The items of the history, and the two rows (`prefixes`) that it makes: by a short and by a long memory."""
        reach = self.long.ridge.reach
        item, weight = history.item[-reach:], history.weight[-reach:]
        age = np.arange(len(item) - 1, -1, -1, dtype=np.float64)
        items, of_event = np.unique(item[weight > 0], return_inverse=True)
        age, weight = age[weight > 0], weight[weight > 0]
        mood, taste = (
            np.bincount(of_event, weights=weight * np.exp(age / -part.ridge.tau), minlength=len(items))
            for part in (self.short, self.long)
        )
        return items.astype(np.intp), mood.astype(np.float32), taste.astype(np.float32)

    def _held(self, items: Indices, *rows: Float32) -> list[Float32]:
        """How much of each attribute each row of history holds, shape [m] each."""
        begins, attribute, amount = self.rows
        first = begins[items]
        count = begins[items + 1] - first
        # The positions of all attributes of all items: each item's begin, counted on.
        where = np.arange(int(count.sum())) + np.repeat(first - np.cumsum(count) + count, count)
        held, of_item = attribute[where], amount[where]
        return [
            np.bincount(held, weights=np.repeat(values, count) * of_item, minlength=len(self.fields)).astype(np.float32)
            for values in rows
        ]

    def _follow(self, part: Following, items: Indices, values: Float32, held: Float32, scores: Float32) -> Float32:
        """Add what one ridge says of the items to `scores`; give what it says of the attributes, shape [m]."""
        weights, n_head = part.ridge.weights, len(part.ridge.head)
        places = part.place[items]
        with_column = places >= 0
        both = values[with_column] @ weights[places[with_column]]
        holding = np.flatnonzero(held)
        both += held[holding] @ weights[n_head + holding]
        positive = np.maximum(both, 0)
        foreseen = max(float(both[:n_head].sum()), 0.0)
        lift = self.unproven * np.float32(foreseen)
        if part.everywhere:
            lift += positive[:n_head] * self.per_share
        else:
            lift[part.ridge.head] += positive[:n_head] * self.per_share[part.ridge.head]
        np.log1p(lift, out=lift)
        lift *= part.lift
        scores += lift
        scores[items] += part.again * np.log1p(values)
        of_kind: Float32 = part.of_kind * np.log1p(positive[n_head:] * self.per_usual)
        return of_kind

    def kinds(self, held: Float32) -> Float32:
        """What a taste says of the attributes, shape [m]: how much more than usual it holds of each."""
        if not len(held):
            return held
        total = np.bincount(self.fields, weights=held, minlength=len(self.of_field)).astype(np.float32)[self.fields]
        share = (held + np.float32(PSEUDO_EVENTS) * self.usual) / (total + np.float32(PSEUDO_EVENTS))
        of_taste: Float32 = self.of_field[self.fields] * (np.log(share) - self.log_usual)
        return of_taste


def _following(ridge: NextItemRidge, weights: Float32, n_items: int) -> Following:
    place: npt.NDArray[np.int32] = np.full(n_items, -1, np.int32)
    place[ridge.head] = np.arange(len(ridge.head), dtype=np.int32)
    return Following(ridge, len(ridge.head) == n_items, place, *weights)
