"""Stored models say which format they have, and no other is read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personalize_local.engine.base import storage
from personalize_local.engine.recommenders.registry import MODELS, SEGMENTS, load_model
from tests.unit.personalize_local.engine.worlds import lovers

EVERY: dict[str, Any] = {**MODELS, **SEGMENTS}
LAYOUT = {
    "sequence": "attributes_data attributes_indices attributes_indptr blend features fields log_attribute_share"
    " log_recent_share log_share long_head long_weights mixture_class_borders mixture_memory"
    " mixture_mixing_weights mixture_share prior_weight reach short_head short_weights"
    " taste_attribute_loadings taste_cold_variance taste_exposed_bias taste_item_bias taste_item_offsets"
    " taste_loadings unit",
    "popularity": "log_share",
    "trending-now": "interval item log_share time weight",
    "sims": "log_share similar_data similar_indices similar_indptr",
    "similar-items": "attributes_data attributes_indices attributes_indptr common_data common_indices common_indptr"
    " discount exposure fields log_share weights",
    "item-affinity": "activity items users",
    "item-attribute-affinity": "activity items users",
}
"""What the models of FORMAT 5 store; whoever changes it raises the number in `storage`, and here."""


@pytest.mark.parametrize("name", sorted(EVERY))
def test_what_is_stored_has_a_number(name: str, tmp_path: Path) -> None:
    """Other facts or arrays than those of this format need another number."""
    world = lovers()
    EVERY[name].fit(world.events, world.catalogue).save(tmp_path)
    facts, arrays = storage.read(tmp_path, model=name)
    assert (5, LAYOUT[name]) == (storage.FORMAT, " ".join(sorted([*facts, *arrays])))


def _stored(folder: Path, **changed: int) -> Path:
    storage.write(folder, model="popularity", facts={}, arrays={"log_share": np.zeros(3, np.float32)})
    file = folder / "model.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    del facts["format"]
    file.write_text(json.dumps({**facts, **changed}), encoding="utf-8")
    return folder


def test_a_model_without_a_format_is_of_the_first(tmp_path: Path) -> None:
    """The first version of the engine did not say it; its models are refused before their arrays are looked at."""
    folder = _stored(tmp_path)
    (folder / "arrays.npz").unlink()
    with pytest.raises(storage.FormatError, match=f"of format 1; this engine reads format {storage.FORMAT}"):
        load_model(folder)


@pytest.mark.parametrize("found", [storage.FORMAT - 1, storage.FORMAT + 1])
def test_a_model_of_another_format_is_refused(found: int, tmp_path: Path) -> None:
    """Older or newer, the error names both numbers, whichever way the model is read."""
    folder = _stored(tmp_path, format=found)
    for read in (lambda: load_model(folder), lambda: MODELS["popularity"].load(folder)):
        with pytest.raises(storage.FormatError, match=f"of format {found}; this engine reads format {storage.FORMAT}"):
            read()


def test_the_format_is_no_fact_of_the_model(tmp_path: Path) -> None:
    """What a model gets back is what it gave."""
    storage.write(tmp_path, model="m", facts={"unit": 2.0}, arrays={})
    assert ({"unit": 2.0}, {}) == storage.read(tmp_path, model="m")
