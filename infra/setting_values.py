"""What single values of a config may be: constraints and checks, with their words for messages and documentation."""

import re
import zoneinfo
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from infra.prices import load_prices
from infra.regions import PARTITION, partition_of, regions_of

LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)

RecommendationRecipe = Literal["aws-user-personalization-v2", "aws-user-personalization"]
BreedScript = Literal[
    "Arabic", "Armenian", "Bengali", "Bopomofo", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek", "Gujarati",
    "Gurmukhi", "Han", "Hangul", "Hebrew", "Hiragana", "Kannada", "Katakana", "Khmer", "Lao", "Latin", "Malayalam",
    "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thaana", "Thai", "Tibetan",
]  # fmt: skip
"""Those of `lambdas/shared/scripts.py`."""

RerankingRecipe = Literal["aws-personalized-ranking-v2", "aws-personalized-ranking"]


def setting(description: str, *, allowed: str | None = None, **constraints: Any) -> Any:
    """A field with its line in `docs/operate/configuration.md`."""
    extra: JsonDict | None = {"allowed": allowed} if allowed else None
    return Field(description=description, json_schema_extra=extra, **constraints)


def _words(allowed: str, **constraints: Any) -> FieldInfo:
    """A constraint on a value inside a list or mapping, with what it takes in words."""
    field: FieldInfo = Field(json_schema_extra={"allowed": allowed}, **constraints)
    return field


def _log_retention(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise ValueError("not a retention of CloudWatch Logs")
    return days


def _schedule(expression: str) -> str:
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    if not re.fullmatch(r"rate\([1-9]\d* (minute|hour|day)s?\)|cron\([^()]+\)", expression):
        raise ValueError("not a schedule expression")
    return expression


class SaidError(ValueError):
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
        raise SaidError(
            f"{region!r} has no Amazon Personalize{where}; the Regions that have it are"
            f" {', '.join(sorted(personalize))}"
        )
    priced = load_prices().regions
    if region not in priced:
        raise SaidError(
            f"{region!r} has no price in infra/prices.yaml; add its rows there, or take one of"
            f" {', '.join(sorted(priced & personalize))}"
        )
    return region


MOMENTS = "`cron(minutes hours day-of-month month day-of-week year)`"


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


LogRetentionDays = Annotated[int, AfterValidator(_log_retention)]
Region = Annotated[str, AfterValidator(_region)]
Schedule = Annotated[str, AfterValidator(_schedule)]
Moments = Annotated[str, AfterValidator(_moments)]
Timezone = Annotated[str, AfterValidator(_timezone)]
ParameterPrefix = Annotated[str, AfterValidator(_prefix)]
SubnetId = Annotated[str, _words("a subnet id", pattern=r"^subnet-[0-9a-f]+$")]
SecurityGroupId = Annotated[str, _words("a security group id", pattern=r"^sg-[0-9a-f]+$")]
Email = Annotated[str, _words("an e-mail address", pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
EventType = Annotated[str, _words("text of 1 to 256 characters", min_length=1, max_length=256)]
ObservedEventType = Annotated[
    str,
    _words("1 to 64 letters, digits, `_` and `-`, first a letter", pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"),
]
"""Narrower than an event type: they stand in a function's environment, separated by commas, and in queries."""

Weight = Annotated[float, Field(ge=0, le=1)]
FilterName = Annotated[
    str,
    _words("1 to 20 lower-case letters, digits and hyphens, first a letter", pattern=r"^[a-z][a-z0-9-]{0,19}$"),
]
FilterExpression = Annotated[str, _words("a filter expression of 1 to 2500 characters", min_length=1, max_length=2500)]
