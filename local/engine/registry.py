"""The engine's models by name. Recipes of the API map to these names in one table of their own."""

from pathlib import Path

from local.engine import storage
from local.engine.models import Model
from local.engine.popularity import PopularityModel
from local.engine.segments import ItemAffinityModel, ItemAttributeAffinityModel, SegmentModel
from local.engine.sequence import SequenceModel
from local.engine.similar import SimilarItemsModel
from local.engine.sims import SimsModel
from local.engine.trending import TrendingModel

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
    """The model that was saved into `folder`, whichever it is."""
    name = storage.model_name(folder)
    return SEGMENTS[name].load(folder) if name in SEGMENTS else MODELS[name].load(folder)
