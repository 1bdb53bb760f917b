"""The whole CDK app of one environment: its stacks, in the order in which they are deployed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra.naming import DATASETS, DatasetKind
from infra.settings import Settings, SettingsError
from infra.shared.generations import Generation, recorded_generations, select_generations
from infra.stacks.campaigns import CampaignsStack
from infra.stacks.data import DataStack
from infra.stacks.ingestion import IngestionStack
from infra.stacks.monitoring.stack import MonitoringStack
from infra.stacks.personalize import PersonalizeStack
from infra.stacks.serving import ServingStack
from infra.stacks.training import TrainingStack

CONTEXT_KEYS = ("generations", "serving_generation", "deployed_personalize", "interactions_digest", "items_digest")
"""What `read_deployment` reads; `docs/operate/deployment.md` says what for."""

UNTAGGED = [
    f"AWS::Personalize::{type_}"
    for type_ in ("Campaign", "Dataset", "DatasetGroup", "EventTracker", "Filter", "Schema", "Solution")
]
"""For most of these a changed tag would replace the resource."""

DEPENDENCIES: Mapping[str, tuple[str, ...]] = {
    "personalize": ("data",),
    "ingestion": ("data", "personalize"),
    "training": ("data", "personalize"),
    "campaigns": ("personalize",),
    "serving": ("data",),
    "monitoring": ("ingestion", "training"),
}
"""Which stacks must stand before a stack can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Which generations a synthesis holds, and which of them serves."""

    generations: tuple[Generation, ...]
    serving: Generation


def read_deployment(settings: Settings, context: Mapping[str, str | None]) -> Deployment:
    """What the context keys ask for; without them, the config's generation alone.

    - `generations`: numbers of the generations that exist, e.g. `1,2`;
    - `serving_generation`: the one that the serving functions ask;
    - `deployed_personalize`: file with the template of the deployed personalize stack, which records the others;
    - `interactions_digest`, `items_digest`: the seed's digests, where `seed_data/` is not to be read.

    Raises SettingsError naming the key, its value and what is allowed.
    """
    digests: dict[DatasetKind, str] = {kind: value for kind in DATASETS if (value := context.get(f"{kind}_digest"))}
    deployed = context.get("deployed_personalize")
    recorded = recorded_generations(Path(deployed)) if deployed else {}
    numbers = _numbers("generations", context.get("generations") or str(settings.generation))
    generations = select_generations(Generation.of(settings, digests=digests), numbers, recorded)
    (serving_number,) = _numbers(
        "serving_generation", context.get("serving_generation") or str(settings.generation), at_most=1
    )
    by_number = {generation.number: generation for generation in generations}
    if serving_number not in by_number:
        raise SettingsError(
            f"context serving_generation is {serving_number}, which is none of the generations"
            f" {', '.join(map(str, by_number))}"
        )
    return Deployment(generations=generations, serving=by_number[serving_number])


def build_stacks(app: cdk.App, *, settings: Settings, deployment: Deployment) -> dict[str, cdk.Stack]:
    """The stacks of the environment by their short names (`data`, `personalize`, ...).

    The security checks come with them: `app.synth()` raises where a finding is not acknowledged.
    """
    names = settings.names
    env = cdk.Environment(account=settings.account, region=settings.region)
    generations = deployment.generations
    stacks: dict[str, cdk.Stack] = {
        "data": DataStack(app, names.stack("data"), settings=settings, env=env),
        "personalize": PersonalizeStack(
            app, names.stack("personalize"), settings=settings, generations=generations, env=env
        ),
        "ingestion": IngestionStack(app, names.stack("ingestion"), settings=settings, generations=generations, env=env),
        "training": TrainingStack(app, names.stack("training"), settings=settings, env=env),
        "campaigns": CampaignsStack(app, names.stack("campaigns"), settings=settings, generations=generations, env=env),
        "serving": ServingStack(app, names.stack("serving"), settings=settings, generation=deployment.serving, env=env),
        "monitoring": MonitoringStack(
            app,
            names.stack("monitoring"),
            settings=settings,
            generations=generations,
            serving=deployment.serving,
            env=env,
        ),
    }
    _order(stacks)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    cdk.Tags.of(app).add("environment", settings.environment, exclude_resource_types=UNTAGGED)
    return stacks


def _order(stacks: Mapping[str, cdk.Stack]) -> None:
    """State who needs whom: the stacks refer to one another by name, which the CDK CLI cannot see."""
    for later, earlier in DEPENDENCIES.items():
        for name in earlier:
            stacks[later].add_stack_dependency(stacks[name])


def _numbers(key: str, text: str, *, at_most: int = 999) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and 1 <= int(part) <= 999 for part in parts) or len(parts) > at_most:
        allowed = "one number" if at_most == 1 else "numbers separated by commas"
        raise SettingsError(f"context {key} is {text!r}; it must be {allowed} from 1 to 999")
    return [int(part) for part in parts]
