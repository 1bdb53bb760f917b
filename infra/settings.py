"""The typed settings of one environment, read from `config/ENV.yaml`.

Unknown keys, missing keys and values out of range end in one `SettingsError` that names file, key, value and what is
allowed. Keys are camelCase as in the published reference's config; attributes are snake_case. This module knows no AWS
service and needs no credentials: the CDK app, `deploy.sh` and the tools read the same model.

Each field's `description` is what `docs/operate/configuration.md` says of the key; `allowed` says in words what a
pattern or a validator takes.
"""

import re
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from infra.allowed import SECTION, allowed_values
from infra.naming import Names, Role
from infra.prices import PriceError, load_prices
from infra.regions import PARTITION, partition_of, regions_of

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "config"
LOCAL_ACCOUNT = "000000000000"
LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)

RecommendationRecipe = Literal["aws-user-personalization-v2", "aws-user-personalization"]
BreedScript = Literal[
    "Arabic", "Armenian", "Bengali", "Bopomofo", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek", "Gujarati",
    "Gurmukhi", "Han", "Hangul", "Hebrew", "Hiragana", "Kannada", "Katakana", "Khmer", "Lao", "Latin", "Malayalam",
    "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thaana", "Thai", "Tibetan",
]  # fmt: skip
"""Those of `lambdas/shared/scripts.py`."""

RerankingRecipe = Literal["aws-personalized-ranking-v2", "aws-personalized-ranking"]


class SettingsError(ValueError):
    """A config file that cannot be used; the message names file, key, value and what is allowed."""


def _key(description: str, *, allowed: str | None = None, **constraints: Any) -> Any:
    """A field with its line in `docs/operate/configuration.md`."""
    extra: JsonDict | None = {"allowed": allowed} if allowed else None
    return Field(description=description, json_schema_extra=extra, **constraints)


def _words(allowed: str, **constraints: Any) -> FieldInfo:
    """A constraint on a value inside a list or mapping, with what it takes in words."""
    field: FieldInfo = Field(json_schema_extra={"allowed": allowed}, **constraints)
    return field


def _one_of_log_retentions(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise ValueError("not a retention of CloudWatch Logs")
    return days


def _schedule(expression: str) -> str:
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    if not re.fullmatch(r"rate\([1-9]\d* (minute|hour|day)s?\)|cron\([^()]+\)", expression):
        raise ValueError("not a schedule expression")
    return expression


class _SaidError(ValueError):
    """What is wrong, in words that need nothing added."""


def _region(region: str) -> str:
    """The Region, where Personalize is in it and its prices are known; both are known without asking AWS."""
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-\d", region):
        raise ValueError("not the form of a Region")
    personalize = regions_of("personalize")
    if region not in personalize:
        partition, where = partition_of(region), ""
        if partition not in (None, PARTITION):
            where = f" in the partition {PARTITION}, the only one that this project is for ({region} is in {partition})"
        raise _SaidError(
            f"{region!r} has no Amazon Personalize{where}; the Regions that have it are"
            f" {', '.join(sorted(personalize))}"
        )
    priced = load_prices().regions
    if region not in priced:
        raise _SaidError(
            f"{region!r} has no price in infra/prices.yaml; add its rows there, or take one of"
            f" {', '.join(sorted(priced & personalize))}"
        )
    return region


_MOMENTS = "`cron(minutes hours day-of-month month day-of-week year)`"


def _moments(expression: str) -> str:
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
    if not re.fullmatch(r"cron\([0-9A-Z*/,\-?LW#]+( [0-9A-Z*/,\-?LW#]+){5}\)", expression):
        raise ValueError("not a cron expression of six fields")
    _, _, day, _, weekday, _ = expression[5:-1].split()
    if (day == "?") == (weekday == "?"):
        raise ValueError("of day-of-month and day-of-week, one is ?")
    return expression


def _timezone(name: str) -> str:
    known = zoneinfo.available_timezones()
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", name) or (known and name not in known):
        raise ValueError("not a time zone")
    return name


def _prefix(prefix: str) -> str:
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
    if not re.fullmatch(r"(/[A-Za-z0-9_.-]+){1,10}", prefix) or re.match(r"/(aws|ssm)", prefix, re.IGNORECASE):
        raise ValueError("not a prefix of parameter names")
    return prefix


_SUBNET = Annotated[str, _words("a subnet id", pattern=r"^subnet-[0-9a-f]+$")]
_SECURITY_GROUP = Annotated[str, _words("a security group id", pattern=r"^sg-[0-9a-f]+$")]
_EMAIL = Annotated[str, _words("an e-mail address", pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
_EVENT_TYPE = Annotated[str, _words("text of 1 to 256 characters", min_length=1, max_length=256)]
_WEIGHT = Annotated[float, Field(ge=0, le=1)]
_FILTER = Annotated[
    str,
    _words("1 to 20 lower-case letters, digits and hyphens, first a letter", pattern=r"^[a-z][a-z0-9-]{0,19}$"),
]
_EXPRESSION = Annotated[str, _words("a filter expression of 1 to 2500 characters", min_length=1, max_length=2500)]


class _Section(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        # "12" is no number and 1 is no switch: what the file says is what is meant. No limit is infinite.
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        populate_by_name=False,
    )


class Recipes(_Section):
    """The Personalize recipes; a new recipe needs a new `generation`."""

    recommendation: RecommendationRecipe = _key("Recipe of the recommendation solution.")
    reranking: RerankingRecipe = _key("Recipe of the re-ranking solution.")


class Retention(_Section):
    """How long things are kept."""

    stream_hours: int = _key("Hours that the stream keeps events.", ge=24, le=8760)
    archive_days: int = _key("Days that the archive keeps events.", ge=1, le=3650)
    quarantine_days: int = _key("Days that quarantined events are kept.", ge=1, le=365)
    log_days: Annotated[int, AfterValidator(_one_of_log_retentions)] = _key(
        "Days that logs are kept.", allowed=f"one of {', '.join(map(str, LOG_RETENTION_DAYS))}"
    )


class Ingestion(_Section):
    """The mapping from the stream to `forward_events` (limits of AWS::Lambda::EventSourceMapping)."""

    batch_size: int = _key("Events that one invocation of `forward_events` gets at most.", ge=1, le=10_000)
    batch_window_seconds: int = _key("Seconds to wait for a batch to fill.", ge=0, le=300)
    parallelization_factor: int = _key("Batches of one shard that are forwarded side by side.", ge=1, le=10)
    retry_attempts: int = _key("How often a failed batch is tried again before it is given up.", ge=0, le=10_000)
    max_record_age_seconds: int = _key("Age in seconds at which an event is given up.", ge=60, le=604_800)


class Alarms(_Section):
    """Thresholds of the alarms."""

    iterator_age_seconds: int = _key("Delay before forwarding, in seconds.", ge=1, le=604_800)
    archive_age_seconds: int = _key("Delay before archiving, in seconds.", ge=1, le=604_800)
    # Six days: CloudWatch looks back seven at most.
    no_event_hours: int = _key("Hours without an event, once there were some.", ge=1, le=144)
    quarantined_per_hour: int = _key("Quarantined events in an hour.", ge=1)
    forward_failures_per_five_minutes: int = _key("Failed forwards in five minutes, all to be retried.", ge=1)
    fallback_share: float = _key("Share of answers that are the popular list.", ge=0, le=1)
    latency_p99_milliseconds: int = _key("99th percentile of a serving function's duration.", ge=1, le=30_000)
    days_since_promotion: int = _key("Days since a model was promoted.", ge=1, le=365)
    campaign_idle_hours: int = _key("Hours without a request, or with half of the capacity unused.", ge=1, le=168)


class Sleep(_Section):
    """When the environment has no campaigns and answers the popular list; `./deploy.sh ENV --sleep` does it by hand."""

    allowed: bool = _key("Whether a protected environment may sleep; others always may.", default=False)
    sleep_at: Annotated[str, AfterValidator(_moments)] | None = _key(
        "When it goes to sleep by itself.", default=None, allowed=_MOMENTS
    )
    wake_at: Annotated[str, AfterValidator(_moments)] | None = _key(
        "When it wakes by itself.", default=None, allowed=_MOMENTS
    )
    timezone: Annotated[str, AfterValidator(_timezone)] = _key(
        "Time zone of both, which knows its summer time.",
        default="UTC",
        allowed="a name of the IANA time zone database such as `Europe/Berlin`",
    )

    @property
    def is_scheduled(self) -> bool:
        """Whether it sleeps or wakes by itself."""
        return self.sleep_at is not None or self.wake_at is not None

    @model_validator(mode="after")
    def _not_both_at_once(self) -> Self:
        if self.is_scheduled and self.sleep_at == self.wake_at:
            raise ValueError(f"sleepAt and wakeAt are the same ({self.sleep_at}): which of them comes last is chance")
        return self


class Vpc(_Section):
    """An existing VPC for the functions, whose subnets need the endpoints listed below."""

    vpc_id: str = _key("The VPC.", pattern=r"^vpc-[0-9a-f]+$", allowed="a VPC id")
    subnet_ids: tuple[_SUBNET, ...] = _key("Private subnets for the functions.", min_length=1, strict=False)
    availability_zones: tuple[str, ...] = _key(
        "The availability zone of each subnet, in the same order.", min_length=1, strict=False
    )
    security_group_ids: tuple[_SECURITY_GROUP, ...] = _key(
        "Security groups of the functions.", min_length=1, strict=False
    )

    @model_validator(mode="after")
    def _one_zone_a_subnet(self) -> Self:
        if len(self.subnet_ids) != len(self.availability_zones):
            raise ValueError("availabilityZones must name one zone for each of subnetIds")
        return self


class Settings(_Section):
    """All settings of one environment."""

    environment: str = Field(
        pattern=r"^[a-z][a-z0-9]{0,9}$",
        json_schema_extra={"allowed": "1 to 10 lower-case letters and digits, beginning with a letter"},
    )
    account: str = _key(
        "AWS account; `ACCOUNT_ID` overrides it.", pattern=r"^\d{12}$", allowed="twelve digits, in quotes"
    )
    region: Annotated[str, AfterValidator(_region)] = _key(
        "AWS region, one with Amazon Personalize; `CDK_DEPLOY_REGION` overrides it.",
        allowed="a region such as eu-west-1",
    )
    ssm_prefix: Annotated[str, AfterValidator(_prefix)] = _key(
        "What the names of all SSM parameters begin with.",
        allowed="one to ten parts, each a slash and letters, digits, `_`, `.` or `-`; not beginning with aws or ssm",
    )
    generation: int = _key(
        "Number of the Personalize resources; raise it with every change of recipe or schema.", ge=1, le=999
    )
    recipes: Recipes
    reranking_enabled: bool = _key("Whether re-ranking is built; off, nothing of it is built or billed.")
    exploration_weight: float | None = _key(
        "How much the campaign explores; for the recipe aws-user-personalization only.", default=None, ge=0, le=1
    )
    exploration_item_age_cut_off: float | None = _key(
        "Age in days up to which a group counts as new; for the recipe aws-user-personalization only.",
        default=None,
        ge=1,
    )
    event_weights: dict[_EVENT_TYPE, _WEIGHT] = _key(
        "Weight of each event type in training.", min_length=1, max_length=10
    )
    promotion_threshold: float = _key("NDCG@5 that a model must exceed to be promoted.", ge=0, le=1)
    regression_tolerance: float = _key("Share by which a model's NDCG@5 may fall below the serving one's.", ge=0, le=1)
    coverage_floor: float = _key("Coverage that a model must reach to be promoted.", ge=0, le=1)
    popularity_baseline: bool = _key("Whether a popularity model is trained too, which a model must beat.")
    schedule: Annotated[str, AfterValidator(_schedule)] = _key(
        "When the training state machine runs.",
        allowed="`rate(N days)`, `rate(N hours)`, `rate(N minutes)` or `cron(...)`",
    )
    min_new_events: int = _key("Events since the last training below which a scheduled run trains nothing.", ge=0)
    min_provisioned_tps: int = _key(
        "Requests a second that the recommendation campaign always has.", ge=1, le=500, alias="minProvisionedTPS"
    )
    rerank_min_provisioned_tps: int = _key(
        "Requests a second that the re-ranking campaign always has.", ge=1, le=500, alias="reRankMinProvisionedTPS"
    )
    notification_emails: tuple[_EMAIL, ...] = _key(
        "Who gets the messages of training runs, alarms and the budget.", strict=False
    )
    breed_scripts: tuple[BreedScript, ...] = _key(
        "Scripts that breeds may be written in; an event with a letter of another goes into quarantine.",
        default=("Latin",),
        min_length=1,
        max_length=29,
        strict=False,
    )
    # Personalize allows 30 a dataset group; the ARNs of 20 fit the 4 KB of a function's environment whatever the names.
    filters: dict[_FILTER, _EXPRESSION] = _key("Filters that callers of `recommend` can name.", max_length=20)
    retention: Retention
    ingestion: Ingestion
    serving_deadline_milliseconds: int = _key(
        "Time after which a serving function answers with the popular list.", ge=100, le=10_000
    )
    alarms: Alarms
    monthly_budget_usd: float = _key("Budget of the account, in US dollars a month.", gt=0, alias="monthlyBudgetUSD")
    protected: bool = _key("Whether stacks refuse deletion and the archive and key outlive them.")
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
        case "value_error" if isinstance(problem.get("ctx", {}).get("error"), _SaidError):
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
