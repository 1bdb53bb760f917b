"""GetPersonalizedRanking: the items of a request in the user's order.

Source: developer guide, "How personalized ranking scoring works".
"""

import numpy as np

from personalize_local.engine.base.scores import softmax
from personalize_local.model.entries import Entry, scored
from personalize_local.model.errors import invalid_input
from personalize_local.model.identities import new_recommendation_id
from personalize_local.model.resources import Resource
from personalize_local.model.validation import Json
from personalize_local.serving.allowed_items import AllowedItems
from personalize_local.serving.item_metadata import ItemMetadata, most_items
from personalize_local.serving.item_scores import ItemScores, rounded
from personalize_local.serving.loaded_versions import LoadedVersion


class Rankings:
    """Ranks for a campaign or, in a batch job, for a version alone."""

    def __init__(self, allowed_items: AllowedItems, scores: ItemScores, metadata: ItemMetadata) -> None:
        self._allowed_items, self._scores, self._metadata = allowed_items, scores, metadata

    def answer(self, version: LoadedVersion, request: Json, campaign: Resource | None) -> Json:
        """Known items by score, then the others as given, with score 0; a batch job has no campaign."""
        if version.recipe.type != "PERSONALIZED_RANKING":
            raise invalid_input(f"GetPersonalizedRanking is not for campaigns of {version.recipe.name}.")
        names: list[str] = request["inputList"]
        columns = self._metadata.columns(request, campaign, version)
        most = most_items(columns)
        if not names or len(names) > most:
            raise invalid_input(f"inputList must hold 1 to {most} items, not {len(names)}.")
        user = request["userId"]
        if not user:
            raise invalid_input("userId must not be empty.")
        allowed = self._allowed_items.mask(request.get("filterArn"), request.get("filterValues", {}), version, user)
        of = version.snapshot.places
        found, unknown = list(map(of.get, names)), []
        if None in found:
            unknown = [name for name in names if name not in of]
            names = [name for name in names if name in of]
            found = [of[name] for name in names]
        places = np.array(found, np.intp)
        if allowed is not None:
            kept = np.flatnonzero(allowed[places])
            places, names = places[kept], [names[number] for number in kept.tolist()]
        shares = softmax(self._scores.raw(version, user, None, request.get("context", {})), places)
        order = (-shares).argsort(kind="stable")
        listed = scored([names[number] for number in order.tolist()], rounded(shares[order]).tolist())
        listed.extend([Entry(name, 0.0) for name in unknown])
        self._metadata.add(listed, columns, version.group)
        return {"personalizedRanking": listed, "recommendationId": new_recommendation_id()}
