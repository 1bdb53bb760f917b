"""The sections of a config: settings that belong together under one key."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from infra.setting_values import (
    LOG_RETENTION_DAYS,
    MOMENTS,
    LogRetentionDays,
    Moments,
    RecommendationRecipe,
    RerankingRecipe,
    SecurityGroupId,
    SubnetId,
    Timezone,
    setting,
)


class Section(BaseModel):
    """What all settings have in common: keys in camelCase, nothing unknown, nothing converted."""

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


class Recipes(Section):
    """The Personalize recipes; a new recipe needs a new `generation`."""

    recommendation: RecommendationRecipe = setting("Recipe of the recommendation solution.")
    reranking: RerankingRecipe = setting("Recipe of the re-ranking solution.")


class Retention(Section):
    """How long things are kept."""

    stream_hours: int = setting("Hours that the stream keeps events.", ge=24, le=8760)
    archive_days: int = setting("Days that the archive keeps events.", ge=1, le=3650)
    quarantine_days: int = setting("Days that quarantined events are kept.", ge=1, le=365)
    log_days: LogRetentionDays = setting(
        "Days that logs are kept.", allowed=f"one of {', '.join(map(str, LOG_RETENTION_DAYS))}"
    )


class Ingestion(Section):
    """The mapping from the stream to `forward_events` (limits of AWS::Lambda::EventSourceMapping)."""

    batch_size: int = setting("Events that one invocation of `forward_events` gets at most.", ge=1, le=10_000)
    batch_window_seconds: int = setting("Seconds to wait for a batch to fill.", ge=0, le=300)
    parallelization_factor: int = setting("Batches of one shard that are forwarded side by side.", ge=1, le=10)
    retry_attempts: int = setting("How often a failed batch is tried again before it is given up.", ge=0, le=10_000)
    max_record_age_seconds: int = setting("Age in seconds at which an event is given up.", ge=60, le=604_800)


class Alarms(Section):
    """Thresholds of the alarms."""

    iterator_age_seconds: int = setting("Delay before forwarding, in seconds.", ge=1, le=604_800)
    archive_age_seconds: int = setting("Delay before archiving, in seconds.", ge=1, le=604_800)
    # Six days: CloudWatch looks back seven at most.
    no_event_hours: int = setting("Hours without an event, once there were some.", ge=1, le=144)
    quarantined_per_hour: int = setting("Quarantined events in an hour.", ge=1)
    forward_failures_per_five_minutes: int = setting("Failed forwards in five minutes, all to be retried.", ge=1)
    fallback_share: float = setting("Share of answers that are the popular list.", ge=0, le=1)
    latency_p99_milliseconds: int = setting("99th percentile of a serving function's duration.", ge=1, le=30_000)
    days_since_promotion: int = setting("Days since a model was promoted.", ge=1, le=365)
    campaign_idle_hours: int = setting("Hours without a request, or with half of the capacity unused.", ge=1, le=168)


class Sleep(Section):
    """When the environment has no campaigns and answers the popular list; `./deploy.sh ENV --sleep` does it by hand."""

    allowed: bool = setting("Whether a protected environment may sleep; others always may.", default=False)
    sleep_at: Moments | None = setting("When it goes to sleep by itself.", default=None, allowed=MOMENTS)
    wake_at: Moments | None = setting("When it wakes by itself.", default=None, allowed=MOMENTS)
    timezone: Timezone = setting(
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


class Vpc(Section):
    """An existing VPC for the functions, whose subnets need the endpoints listed below."""

    vpc_id: str = setting("The VPC.", pattern=r"^vpc-[0-9a-f]+$", allowed="a VPC id")
    subnet_ids: tuple[SubnetId, ...] = setting("Private subnets for the functions.", min_length=1, strict=False)
    availability_zones: tuple[str, ...] = setting(
        "The availability zone of each subnet, in the same order.", min_length=1, strict=False
    )
    security_group_ids: tuple[SecurityGroupId, ...] = setting(
        "Security groups of the functions.", min_length=1, strict=False
    )

    @model_validator(mode="after")
    def _one_zone_a_subnet(self) -> Self:
        if len(self.subnet_ids) != len(self.availability_zones):
            raise ValueError("availabilityZones must name one zone for each of subnetIds")
        return self
