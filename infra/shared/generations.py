"""What a generation of Personalize resources is made of, and how a generation that leaves is remembered.

Most properties of Personalize resources can never be changed, and names are unique, so another recipe or schema is
another generation of resources, built beside the old one. While both stand, the config speaks of the new one only.
What the old one is made of is recorded in the `Metadata` of the deployed personalize stack's template: the deploy
fetches that template (GetTemplate) and names its file in the context key `deployed_personalize`, and the old
generation is synthesized exactly as it was.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.naming import DATASETS, DatasetKind, Names, Role
from infra.setting_values import RecommendationRecipe, RerankingRecipe
from infra.settings import Settings, SettingsError
from infra.shared.seed import expression_digest, read_schema, seed_digest

METADATA_KEY = "Generations"
_UNCHANGEABLE = ("recommendation_recipe", "reranking_recipe", "schemas")


class Generation(BaseModel):
    """One generation: everything that its resources' properties are computed from, apart from the names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Members that may be None have that default: the CDK writes no null into a template.
    number: int = Field(ge=1, le=999)
    recommendation_recipe: RecommendationRecipe
    reranking_recipe: RerankingRecipe | None = None
    """None where the environment has no re-ranking: nothing of it is built or billed."""
    popularity_baseline: bool
    exploration_weight: float | None = None
    exploration_item_age_cut_off: float | None = None
    filters: dict[str, str]
    schemas: dict[DatasetKind, str]
    digests: dict[DatasetKind, str]

    @classmethod
    def of(cls, settings: Settings, *, digests: Mapping[DatasetKind, str] | None = None) -> Self:
        """The config's own generation; digests are computed from `seed_data/` where they are not given."""
        return cls(
            number=settings.generation,
            recommendation_recipe=settings.recipes.recommendation,
            reranking_recipe=settings.recipes.reranking if settings.reranking_enabled else None,
            popularity_baseline=settings.popularity_baseline,
            exploration_weight=settings.exploration_weight,
            exploration_item_age_cut_off=settings.exploration_item_age_cut_off,
            filters=settings.filters,
            schemas={kind: read_schema(kind) for kind in DATASETS},
            digests={kind: (digests or {}).get(kind) or seed_digest(kind) for kind in DATASETS},
        )

    @property
    def roles(self) -> tuple[Role, ...]:
        """The campaigns of this generation."""
        return ("recommendation", "reranking") if self.reranking_recipe else ("recommendation",)

    def recipe(self, role: Role) -> str:
        """The recipe's name; ValueError where the generation has no such role."""
        recipe = self.recommendation_recipe if role == "recommendation" else self.reranking_recipe
        if recipe is None:
            raise ValueError(f"generation {self.number} has no {role}")
        return recipe

    def filter_name(self, filter_: str, names: Names) -> str:
        """The Personalize name of one of `filters`."""
        return names.filter(filter_, expression_digest(self.filters[filter_]), self.number)

    def filter_arns(self, names: Names) -> dict[str, str]:
        """The ARN of each filter by the name that callers use."""
        return {
            filter_: names.filter_arn(filter_, expression_digest(expression), self.number)
            for filter_, expression in self.filters.items()
        }


def recorded_generations(template_file: Path) -> dict[int, Generation]:
    """The generations that a deployed personalize stack's template holds, by number.

    Raises SettingsError where the file is no such template.
    """
    try:
        template: Any = json.loads(template_file.read_text(encoding="utf-8"))
        recorded = template["Metadata"][METADATA_KEY]
        return {int(number): Generation.model_validate(record) for number, record in recorded.items()}
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise SettingsError(
            f"{template_file} is not the template of a deployed personalize stack (it must be JSON with"
            f" Metadata.{METADATA_KEY}): {error}"
        ) from error


def select_generations(
    current: Generation, numbers: Sequence[int], recorded: Mapping[int, Generation]
) -> tuple[Generation, ...]:
    """The generations to synthesize, in order: the config's own from the config, the others as they were recorded.

    Raises SettingsError where a listed generation is unknown, or where the config changes what cannot be changed
    without raising `generation`.
    """
    deployed = recorded.get(current.number)
    if deployed is not None:
        _refuse_changes(current, deployed)
    chosen: list[Generation] = []
    for number in sorted(set(numbers)):
        if number == current.number:
            chosen.append(current)
        elif number in recorded:
            chosen.append(recorded[number])
        else:
            known = ", ".join(map(str, sorted({current.number, *recorded})))
            raise SettingsError(
                f"generation {number} is neither the config's ({current.number}) nor recorded in the deployed"
                f" personalize stack (known: {known}); the context key deployed_personalize names that stack's template"
            )
    return tuple(chosen)


def _refuse_changes(current: Generation, deployed: Generation) -> None:
    for attribute in _UNCHANGEABLE:
        new, old = getattr(current, attribute), getattr(deployed, attribute)
        # Re-ranking may be switched on or off within a generation: that adds or removes whole resources.
        if new != old and None not in (new, old):
            raise SettingsError(
                f"{attribute.replace('_', ' ')} of generation {current.number} cannot be changed once deployed"
                f" (deployed: {old}; wanted: {new}): raise `generation` to {current.number + 1}"
            )
