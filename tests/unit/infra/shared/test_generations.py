"""What a generation is made of, recorded in a template and read back."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.settings import CONFIG_FOLDER, Settings, SettingsError
from infra.shared.generations import METADATA_KEY, Generation, recorded_generations, select_generations


def _generation(**changes: Any) -> Generation:
    raw = yaml.safe_load((CONFIG_FOLDER / "dev.yaml").read_text()) | {"environment": "dev"}
    settings = Settings.model_validate(raw | changes)
    return Generation.of(settings, digests={"interactions": "1" * 10, "items": "2" * 10})


def _template(folder: Path, *generations: Generation) -> Path:
    """A deployed template; like the library, it writes no null."""
    records = {str(each.number): each.model_dump(mode="json", exclude_none=True) for each in generations}
    file = folder / "template.json"
    file.write_text(json.dumps({"Metadata": {METADATA_KEY: records}, "Resources": {}}))
    return file


@pytest.mark.parametrize("changes", [{}, {"rerankingEnabled": False}, {"filters": {}, "popularityBaseline": True}])
def test_a_recorded_generation_is_the_same_again(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Every member survives the template."""
    generation = _generation(**changes)
    assert {1: generation} == recorded_generations(_template(tmp_path, generation))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"Metadata": {}}', '{"Metadata": {"Generations": {"1": {"number": 0}}}}']
)
def test_another_file_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    """And with what was expected."""
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"other\.json is not the template of a deployed personalize stack"):
        recorded_generations(file)


def test_the_configs_own_generation_comes_from_the_config(tmp_path: Path) -> None:
    """Its filters and data may change at any time; the record is of what was."""
    now = _generation(filters={"cats": "INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN (1)"})
    assert (now,) == select_generations(now, [1], {1: _generation()})


def test_other_generations_come_from_the_record() -> None:
    """In the order of their numbers, each once."""
    old, new = _generation(), _generation(generation=2)
    assert (old, new) == select_generations(new, [2, 1, 2], {1: old})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (
            {
                "recipes": {
                    "recommendation": "aws-user-personalization-v2",
                    "reranking": "aws-personalized-ranking",
                }
            },
            "reranking recipe",
        ),
        (
            {
                "recipes": {
                    "recommendation": "aws-user-personalization",
                    "reranking": "aws-personalized-ranking-v2",
                },
                "explorationWeight": 0.1,
                "explorationItemAgeCutOff": 30,
            },
            "recommendation recipe",
        ),
    ],
)
def test_what_cannot_change_asks_for_a_new_generation(changes: dict[str, Any], what: str) -> None:
    """Recipes; the message says what to do."""
    with pytest.raises(SettingsError, match=rf"{what} of generation 1 cannot be changed .*raise `generation` to 2"):
        select_generations(_generation(**changes), [1], {1: _generation()})


def test_a_changed_schema_asks_for_a_new_generation() -> None:
    """A schema is create-only too."""
    deployed = _generation()
    changed = deployed.model_copy(update={"schemas": {"interactions": "{}", "items": "{}"}})
    with pytest.raises(SettingsError, match="schemas of generation 1 cannot be changed"):
        select_generations(changed, [1], {1: deployed})


def test_reranking_may_come_and_go() -> None:
    """None on either side is no change of a recipe."""
    with_it, without_it = _generation(), _generation(rerankingEnabled=False)
    assert (with_it,) == select_generations(with_it, [1], {1: without_it})
    assert (without_it,) == select_generations(without_it, [1], {1: with_it})


def test_a_role_that_a_generation_lacks_has_no_recipe() -> None:
    """Asking for it is a mistake of the caller."""
    with pytest.raises(ValueError, match="generation 1 has no reranking"):
        _generation(rerankingEnabled=False).recipe("reranking")
