"""The engine's models by name. Recipes of the API map to these names in one table of their own."""

from pathlib import Path

from personalize_local.engine.base import storage
from personalize_local.engine.base.models import Model
from personalize_local.engine.recommenders.popularity import PopularityModel
from personalize_local.engine.recommenders.segments import ItemAffinityModel, ItemAttributeAffinityModel, SegmentModel
from personalize_local.engine.recommenders.sequence import SequenceModel
from personalize_local.engine.recommenders.similar import SimilarItemsModel
from personalize_local.engine.recommenders.sims import SimsModel
from personalize_local.engine.recommenders.trending import TrendingModel

MODELS: dict[str, type[Model]] = {
    "sequence": SequenceModel,
    "popularity": PopularityModel,
    "trending-now": TrendingModel,
    "sims": SimsModel,
    "similar-items": SimilarItemsModel,
}
"""Models that score items."""

SEGMENTS: dict[str, type[SegmentModel]] = {
    "item-affinity": ItemAffinityModel,
    "item-attribute-affinity": ItemAttributeAffinityModel,
}
"""Models that score users."""


def load_model(folder: Path) -> Model | SegmentModel:
    """The model that was saved into `folder`, of either kind."""
    name = storage.model_name(folder)
    return SEGMENTS[name].load(folder) if name in SEGMENTS else MODELS[name].load(folder)
