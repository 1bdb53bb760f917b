"""The runtime API: from the campaign that a request names to the module that answers for the version it serves.

GetRecommendations is answered in recommendations.py, GetPersonalizedRanking in rankings.py. Both go the same way:
the version of the campaign (loaded_versions.py), the items that the request's filter allows (allowed_items.py), the
scores of the items for the user (item_scores.py, which asks the engine), the columns to show (item_metadata.py).
"""

import numpy as np

from personalize_local.data.data_folder import DataFolder
from personalize_local.model.errors import WorkError, invalid_input, not_found
from personalize_local.model.resources import CREATING, DELETING, Resource
from personalize_local.model.validation import Json
from personalize_local.serving.allowed_items import AllowedItems
from personalize_local.serving.current_data import CurrentData
from personalize_local.serving.item_metadata import ItemMetadata
from personalize_local.serving.item_scores import ItemScores
from personalize_local.serving.loaded_versions import LoadedVersion, LoadedVersions
from personalize_local.serving.rankings import Rankings
from personalize_local.serving.recommendations import Recommendations


class RuntimeApi:
    """Answers of the runtime API. Called in the event loop's thread; `versions` from any."""

    def __init__(self, contents: DataFolder) -> None:
        self._contents = contents
        data = CurrentData(contents)
        metadata = ItemMetadata(contents, data)
        self.versions = LoadedVersions(contents)
        self.allowed_items = AllowedItems(contents, data)
        self.scores = ItemScores(contents)
        self.recommendations = Recommendations(
            contents, self.allowed_items, self.scores, metadata, np.random.default_rng()
        )
        self.rankings = Rankings(self.allowed_items, self.scores, metadata)

    def recommend(self, request: Json) -> Json:
        """The answer to GetRecommendations."""
        if "campaignArn" not in request and "recommenderArn" in request:
            raise not_found("recommender", request["recommenderArn"], status=404)
        version, campaign = self._campaign(request.get("campaignArn"))
        return self.recommendations.answer(version, request, campaign)

    def rank(self, request: Json) -> Json:
        """The answer to GetPersonalizedRanking."""
        version, campaign = self._campaign(request["campaignArn"])
        return self.rankings.answer(version, request, campaign)

    def _campaign(self, arn: str | None) -> tuple[LoadedVersion, Resource]:
        """The version that the campaign serves, in memory, and the campaign."""
        if arn is None:
            raise invalid_input("campaignArn is required; the local Personalize has no recommenders.")
        campaign = self._contents.store.get(arn, "campaign")
        if campaign is None or campaign.status in DELETING:
            raise not_found("campaign", arn, status=404)
        if campaign.status in CREATING or "_serving" not in campaign.body:
            raise invalid_input(f"Campaign {arn} has status {campaign.status}; it must be ACTIVE.")
        try:
            return self.versions.load(campaign.body["_serving"]), campaign
        except WorkError as error:
            raise invalid_input(f"Campaign {arn} cannot answer: {error}") from error
