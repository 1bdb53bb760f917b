"""The typed settings of one environment, read from `config/ENV.yaml`.

Unknown keys, missing keys and values out of range end in one `SettingsError` that names file, key, value and what is
allowed. Keys are camelCase as in the published reference's config; attributes are snake_case. This module knows no AWS
service and needs no credentials: the CDK app, `deploy.sh` and the tools read the same model.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from infra.naming import Names, Role

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "config"
LOCAL_ACCOUNT = "000000000000"
LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)

RecommendationRecipe = Literal["aws-user-personalization-v2", "aws-user-personalization"]
RerankingRecipe = Literal["aws-personalized-ranking-v2", "aws-personalized-ranking"]


class SettingsError(ValueError):
    """A config file that cannot be used; the message names file, key, value and what is allowed."""


def _one_of_log_retentions(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise ValueError(f"must be one of {', '.join(map(str, LOG_RETENTION_DAYS))}")
    return days


def _schedule(expression: str) -> str:
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    if not re.fullmatch(r"rate\([1-9]\d* (minute|hour|day)s?\)|cron\([^()]+\)", expression):
        raise ValueError("must be 'rate(N days)', 'rate(N hours)', 'rate(N minutes)' or 'cron(...)'")
    return expression


def _email(address: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
        raise ValueError("must be an e-mail address")
    return address


Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        strict=False,
        validate_default=True,
        populate_by_name=False,
    )


class Recipes(_Section):
    """The Personalize recipes; a new recipe needs a new `generation`."""

    recommendation: RecommendationRecipe
    reranking: RerankingRecipe


class Ingestion(_Section):
    """The mapping from the stream to `forward_events` (limits of AWS::Lambda::EventSourceMapping)."""

    batch_size: int = Field(ge=1, le=10_000)
    batch_window_seconds: int = Field(ge=0, le=300)
    parallelization_factor: int = Field(ge=1, le=10)
    retry_attempts: int = Field(ge=0, le=10_000)
    max_record_age_seconds: int = Field(ge=60, le=604_800)


class Retention(_Section):
    """How long things are kept."""

    stream_hours: int = Field(ge=24, le=8760)
    archive_days: int = Field(ge=1, le=3650)
    quarantine_days: int = Field(ge=1, le=365)
    log_days: Annotated[int, AfterValidator(_one_of_log_retentions)]


class Alarms(_Section):
    """Thresholds of the alarms."""

    iterator_age_seconds: int = Field(ge=1, le=604_800)
    quarantined_per_hour: int = Field(ge=1)
    forward_failures_per_five_minutes: int = Field(ge=1)
    fallback_share: Share
    latency_p99_milliseconds: int = Field(ge=1, le=30_000)
    days_since_promotion: int = Field(ge=1, le=365)
    campaign_idle_hours: int = Field(ge=1, le=168)


class Vpc(_Section):
    """An existing VPC for the functions; its subnets need the endpoints that `docs/deployment.md` lists."""

    vpc_id: str = Field(pattern=r"^vpc-[0-9a-f]+$")
    subnet_ids: tuple[Annotated[str, Field(pattern=r"^subnet-[0-9a-f]+$")], ...] = Field(min_length=1)
    availability_zones: tuple[str, ...] = Field(min_length=1)
    security_group_ids: tuple[Annotated[str, Field(pattern=r"^sg-[0-9a-f]+$")], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_zone_a_subnet(self) -> Self:
        if len(self.subnet_ids) != len(self.availability_zones):
            raise ValueError("availabilityZones must name one zone for each of subnetIds")
        return self


class Settings(_Section):
    """All settings of one environment."""

    environment: str = Field(pattern=r"^[a-z][a-z0-9]{0,9}$")
    account: str = Field(pattern=r"^\d{12}$")
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    ssm_prefix: str = Field(pattern=r"^(/[A-Za-z0-9_.-]+){1,10}$")
    generation: int = Field(ge=1, le=999)
    recipes: Recipes
    reranking_enabled: bool
    exploration_weight: Share | None = None
    exploration_item_age_cut_off: Annotated[float, Field(ge=1)] | None = None
    event_weights: dict[Annotated[str, Field(min_length=1, max_length=256)], Share] = Field(min_length=1, max_length=10)
    promotion_threshold: Share
    regression_tolerance: Share
    coverage_floor: Share
    popularity_baseline: bool
    schedule: Annotated[str, AfterValidator(_schedule)]
    min_new_events: int = Field(ge=0)
    min_provisioned_tps: int = Field(ge=1, le=500, alias="minProvisionedTPS")
    rerank_min_provisioned_tps: int = Field(ge=1, le=500, alias="reRankMinProvisionedTPS")
    notification_emails: tuple[Annotated[str, AfterValidator(_email)], ...]
    filters: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,19}$")], Annotated[str, Field(min_length=1, max_length=2500)]
    ]
    retention: Retention
    ingestion: Ingestion
    serving_deadline_milliseconds: int = Field(ge=100, le=10_000)
    alarms: Alarms
    monthly_budget_usd: float = Field(gt=0, alias="monthlyBudgetUSD")
    protected: bool
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
    if not path.is_file():
        there = ", ".join(sorted(p.stem for p in folder.glob("*.yaml"))) or "none"
        raise SettingsError(
            f"no environment {environment!r}: config/{environment}.yaml does not exist (there are: {there})"
        )
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SettingsError(f"config/{path.name} is not valid YAML: {error}") from error
    if not isinstance(raw, Mapping):
        raise SettingsError(f"config/{path.name} must hold keys and values, not {type(raw).__name__}")
    given = {k: v for k, v in (("account", account), ("region", region)) if v}
    try:
        return Settings.model_validate({"environment": environment, **raw, **given})
    except ValidationError as error:
        raise SettingsError(_message(path.name, error)) from error


def _message(file: str, error: ValidationError) -> str:
    lines = [f"config/{file} cannot be used:"]
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        lines.append(f"  {_problem(key, problem)}")
    return "\n".join(lines)


def _problem(key: str, problem: Any) -> str:
    match problem["type"]:
        case "missing":
            return f"{key}: missing; add it (docs/configuration.md says what it means and what is allowed)"
        case "extra_forbidden":
            return f"{key}: unknown key (value {problem['input']!r}); docs/configuration.md lists the keys"
        case _:
            text = problem["msg"].removeprefix("Value error, ")
            return f"{key}: {text[0].lower()}{text[1:]} (value {problem['input']!r})" if key else text
