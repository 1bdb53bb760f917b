"""The typed settings of one environment, read from `config/ENV.yaml`.

Unknown keys, missing keys and values out of range end in one `SettingsError` that names file, key, value and what is
allowed. Keys are camelCase as in the published reference's config; attributes are snake_case. This module knows no AWS
service and needs no credentials: the CDK app, `deploy.sh` and the tools read the same model.

Each field's `description` is what `docs/operate/configuration.md` says of the key; `allowed` says in words what a
pattern or a validator takes. `setting_sections.py` has the sections, `setting_values.py` what single values may be.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from infra.allowed import SECTION, allowed_values
from infra.naming import Names, Role
from infra.prices import PriceError
from infra.setting_sections import Alarms, Ingestion, Recipes, Retention, Section, Sleep, Vpc
from infra.setting_values import (
    BreedScript,
    Email,
    EventType,
    FilterExpression,
    FilterName,
    ObservedEventType,
    ParameterPrefix,
    Region,
    SaidError,
    Schedule,
    Weight,
    setting,
)

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "config"


class SettingsError(ValueError):
    """A config file that cannot be used; the message names file, key, value and what is allowed."""


class Settings(Section):
    """All settings of one environment."""

    environment: str = Field(
        pattern=r"^[a-z][a-z0-9]{0,9}$",
        json_schema_extra={"allowed": "1 to 10 lower-case letters and digits, beginning with a letter"},
    )
    account: str = setting(
        "AWS account; `ACCOUNT_ID` overrides it.", pattern=r"^\d{12}$", allowed="twelve digits, in quotes"
    )
    region: Region = setting(
        "AWS region, one with Amazon Personalize; `CDK_DEPLOY_REGION` overrides it.",
        allowed="a region such as eu-west-1",
    )
    ssm_prefix: ParameterPrefix = setting(
        "What the names of all SSM parameters begin with.",
        allowed="one to ten parts, each a slash and letters, digits, `_`, `.` or `-`; not beginning with aws or ssm",
    )
    generation: int = setting(
        "Number of the Personalize resources; raise it with every change of recipe or schema.", ge=1, le=999
    )
    recipes: Recipes
    reranking_enabled: bool = setting("Whether re-ranking is built; off, nothing of it is built or billed.")
    exploration_weight: float | None = setting(
        "How much the campaign explores; for the recipe aws-user-personalization only.", default=None, ge=0, le=1
    )
    exploration_item_age_cut_off: float | None = setting(
        "Age in days up to which a group counts as new; for the recipe aws-user-personalization only.",
        default=None,
        ge=1,
    )
    event_weights: dict[EventType, Weight] = setting(
        "Weight of each event type in training.", min_length=1, max_length=10
    )
    # All of them together fit the 4 KB of a function's environment.
    observed_event_types: tuple[ObservedEventType, ...] = setting(
        "Event types that are archived and never sent to Personalize.", default=(), max_length=20, strict=False
    )
    promotion_threshold: float = setting("NDCG@5 that a model must exceed to be promoted.", ge=0, le=1)
    regression_tolerance: float = setting(
        "Share by which a model's NDCG@5 may fall below the serving one's.", ge=0, le=1
    )
    coverage_floor: float = setting("Coverage that a model must reach to be promoted.", ge=0, le=1)
    popularity_baseline: bool = setting("Whether a popularity model is trained too, which a model must beat.")
    schedule: Schedule = setting(
        "When the training state machine runs.",
        allowed="`rate(N days)`, `rate(N hours)`, `rate(N minutes)` or `cron(...)`",
    )
    min_new_events: int = setting("Events since the last training below which a scheduled run trains nothing.", ge=0)
    min_provisioned_tps: int = setting(
        "Requests a second that the recommendation campaign always has.", ge=1, le=500, alias="minProvisionedTPS"
    )
    rerank_min_provisioned_tps: int = setting(
        "Requests a second that the re-ranking campaign always has.", ge=1, le=500, alias="reRankMinProvisionedTPS"
    )
    notification_emails: tuple[Email, ...] = setting(
        "Who gets the messages of training runs, alarms and the budget.", strict=False
    )
    breed_scripts: tuple[BreedScript, ...] = setting(
        "Scripts that breeds may be written in; an event with a letter of another goes into quarantine.",
        default=("Latin",),
        min_length=1,
        max_length=29,
        strict=False,
    )
    # Personalize allows 30 a dataset group; the ARNs of 20 fit the 4 KB of a function's environment whatever the names.
    filters: dict[FilterName, FilterExpression] = setting(
        "Filters that callers of `recommend` can name.", max_length=20
    )
    retention: Retention
    ingestion: Ingestion
    serving_deadline_milliseconds: int = setting(
        "Time after which a serving function answers with the popular list.", ge=100, le=10_000
    )
    alarms: Alarms
    monthly_budget_usd: float = setting("Budget of the account, in US dollars a month.", gt=0, alias="monthlyBudgetUSD")
    protected: bool = setting("Whether stacks refuse deletion and the archive and key outlive them.")
    sleep: Sleep = Field(default_factory=Sleep)
    vpc: Vpc | None = None

    @model_validator(mode="after")
    def _exploration_only_where_the_recipe_has_it(self) -> Self:
        v1 = self.recipes.recommendation == "aws-user-personalization"
        given = [k for k in ("exploration_weight", "exploration_item_age_cut_off") if getattr(self, k) is not None]
        if given and not v1:
            raise ValueError(
                f"{', '.join(to_camel(k) for k in given)}: only recipes.recommendation aws-user-personalization has"
                f" exploration settings, not {self.recipes.recommendation}; remove the key"
            )
        if v1 and len(given) < 2:
            raise ValueError("explorationWeight and explorationItemAgeCutOff are needed with aws-user-personalization")
        return self

    @model_validator(mode="after")
    def _an_event_type_is_observed_or_learned_from(self) -> Self:
        seen = {_plain(name): f"eventWeights.{name}" for name in self.event_weights}
        for name in self.observed_event_types:
            if (plain := _plain(name)) in seen:
                raise ValueError(
                    f"observedEventTypes: {name} and {seen[plain]} are one type (case, `_`, `-`, spaces and dots tell"
                    " none apart); a type is named once, and is either observed or has a weight"
                )
            seen[plain] = name
        return self

    @model_validator(mode="after")
    def _a_protected_environment_sleeps_only_where_that_is_meant(self) -> Self:
        if self.protected and self.sleep.is_scheduled and not self.sleep.allowed:
            raise ValueError(
                "sleep.sleepAt and sleep.wakeAt: a protected environment sleeps only with sleep.allowed true"
            )
        return self

    @model_validator(mode="after")
    def _retries_end_before_the_stream_forgets(self) -> Self:
        if self.ingestion.max_record_age_seconds > self.retention.stream_hours * 3600:
            raise ValueError(
                f"ingestion.maxRecordAgeSeconds ({self.ingestion.max_record_age_seconds}) must be at most"
                f" retention.streamHours ({self.retention.stream_hours}) in seconds: the stream would forget events"
                " before they are given up, and they would reach no failure destination"
            )
        return self

    @model_validator(mode="after")
    def _somebody_hears_of_a_protected_environment(self) -> Self:
        if self.protected and not self.notification_emails:
            raise ValueError(
                "notificationEmails is empty, and protected is true: nobody would hear an alarm of an environment that"
                " matters; name at least one address, or set protected: false"
            )
        return self

    @property
    def roles(self) -> tuple[Role, ...]:
        """The campaigns that this environment has."""
        return ("recommendation", "reranking") if self.reranking_enabled else ("recommendation",)

    def min_tps(self, role: Role) -> int:
        """Transactions a second that the role's campaign always has."""
        return self.min_provisioned_tps if role == "recommendation" else self.rerank_min_provisioned_tps

    @property
    def days_between_runs(self) -> float | None:
        """Days from one scheduled training run to the next; None for a cron expression, which does not say."""
        rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", self.schedule)
        return int(rate[1]) * {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0}[rate[2]] if rate else None

    @property
    def names(self) -> Names:
        return Names(environment=self.environment, account=self.account, region=self.region, ssm_prefix=self.ssm_prefix)


def load_settings(
    environment: str,
    *,
    account: str | None = None,
    region: str | None = None,
    folder: Path = CONFIG_FOLDER,
) -> Settings:
    """The settings of `environment`, from `folder/ENVIRONMENT.yaml`.

    `account` and `region` override the file's (`ACCOUNT_ID` and `CDK_DEPLOY_REGION`, read by the callers).
    Raises SettingsError with one clear message for all that is wrong in the file.
    """
    path = folder / f"{environment}.yaml"
    if not _is_file(path):
        there = ", ".join(sorted(p.stem for p in folder.glob("*.yaml"))) or "none"
        raise SettingsError(
            f"no environment {environment!r}: config/{environment}.yaml does not exist (there are: {there})"
        )
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeysLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise SettingsError(f"config/{path.name} cannot be read: {error.strerror or error}") from error
    # The loader lets Python's own errors through, e.g. those of a date that does not exist.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"config/{path.name} is not valid YAML: {error}") from error
    if not isinstance(raw, Mapping):
        raise SettingsError(f"config/{path.name} must hold keys and values, not {type(raw).__name__}")
    given = {k: v for k, v in (("account", account), ("region", region)) if v}
    try:
        return Settings.model_validate({**raw, **given, "environment": environment})
    except ValidationError as error:
        raise SettingsError(_message(path.name, error, given)) from error
    except PriceError as error:
        raise SettingsError(str(error)) from error


def _plain(event_type: str) -> str:
    """As `lambdas/shared/names.py` compares: what differs by less than this is refused by the forwarder."""
    return re.sub(r"[_\- .]", "", event_type).casefold()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have, e.g. a very long one
        return False


class _UniqueKeysLoader(yaml.SafeLoader):
    """YAML's safe loader, which by itself would let the last of two equal keys win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = sorted({str(key) for key in keys if keys.count(key) > 1})
        if repeated:
            raise yaml.constructor.ConstructorError(
                None, None, f"{', '.join(repeated)} is there twice", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


_VARIABLES = {"account": "ACCOUNT_ID", "region": "CDK_DEPLOY_REGION"}
"""The variables whose values callers hand over instead of the file's."""


def _message(file: str, error: ValidationError, given: Mapping[str, str]) -> str:
    words = allowed_values(Settings)
    problems = error.errors()
    of_variables = [p for p in problems if p["loc"] and p["loc"][0] in given]
    lines = [_problem(problem, words, _VARIABLES[str(problem["loc"][0])]) for problem in of_variables]
    of_the_file = [problem for problem in problems if problem not in of_variables]
    if of_the_file:
        lines.append(f"config/{file} cannot be used:")
        lines.extend(f"  {_problem(problem, words)}" for problem in of_the_file)
    return "\n".join(lines)


def _problem(problem: Any, words: Mapping[str, str], name: str = "") -> str:
    """One line about one key; `name` where the value is not the file's."""
    location = [str(part) for part in problem["loc"]]
    # pydantic marks a fault in a mapping's key by "[key]"; the value of a mapping has the key as its last part.
    in_key = location[-1:] == ["[key]"]
    key = name or ".".join(location[:-1] if in_key else location)
    value = problem["input"]
    match problem["type"]:
        case "missing":
            return f"{key}: missing; it must be {_allowed(location, words)}"
        case "extra_forbidden" | "invalid_key":
            return f"{key}: unknown key (value {value!r}); docs/operate/configuration.md lists the keys"
        case "value_error" if isinstance(problem.get("ctx", {}).get("error"), SaidError):
            return f"{key}: {problem['ctx']['error']}"
        # What is wrong between the keys of a section or of the whole file says itself what must be.
        case "value_error" if _allowed(location, words) in ("", SECTION):
            text = problem["msg"].removeprefix("Value error, ")
            return f"{key}: {text}" if key else text
        case _:
            return f"{key}: {value!r} is not allowed; it must be {_allowed(location, words)}"


def _allowed(location: list[str], words: Mapping[str, str]) -> str:
    """What the key at `location` takes; items of lists and mappings are `key[]`, keys of mappings `key{}`."""
    if location[-1:] == ["[key]"]:
        return words.get(".".join(location[:-2]) + "{}", "")
    exact = words.get(".".join(location))
    return exact if exact is not None else words.get(".".join(location[:-1]) + "[]", "")
