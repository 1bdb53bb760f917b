"""The engine's models by name. Recipes of the API map to these names in one table of their own."""

from pathlib import Path

from local.engine import storage
from local.engine.models import Model
from local.engine.popularity import PopularityModel
from local.engine.sequence import SequenceModel

MODELS: dict[str, type[Model]] = {"sequence": SequenceModel, "popularity": PopularityModel}


def load_model(folder: Path) -> Model:
    """The model that was saved into `folder`, whichever it is."""
    return MODELS[storage.model_name(folder)].load(folder)
