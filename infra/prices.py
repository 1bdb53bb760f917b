"""What AWS charges: the typed reading of `infra/prices.yaml`, which says how to add a price or a resource type.

Nothing else in the project holds a price. Quantities are those of one month and one account.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

PRICES_FILE = Path(__file__).with_name("prices.yaml")
HOURS_A_MONTH = 730
SECONDS_AN_HOUR = 3600

What = Literal[
    "personalize-requests-v2",
    "personalize-training-v2",
    "personalize-tps-hours-v1",
    "personalize-training-v1",
    "personalize-ingestion",
    "kinesis-stream",
    "kinesis-in",
    "kinesis-out",
    "kinesis-retention",
    "firehose-in",
    "lambda-requests",
    "lambda-compute",
    "step-functions",
    "s3-storage",
    "logs-in",
    "cloudwatch-metrics",
    "cloudwatch-alarms",
    "cloudwatch-composite-alarms",
    "cloudwatch-dashboard",
    "kms-key",
]
"""Every price that the bill needs; the table has each of them for `assumed.like` and for no Region but its own."""

_Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PriceError(ValueError):
    """The price table cannot be used, or has no price for what is asked; the message says what to add."""


class _Row(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, validate_default=True)


class Tier(_Row):
    """A price up to a quantity a month."""

    up_to: Annotated[float, Field(gt=0)] = inf
    usd: _Dollars


class Price(_Row):
    """One price in one Region, with where it comes from."""

    what: What
    region: str
    recipes: tuple[str, ...] = ()
    usd: _Dollars | None = None
    tiers: tuple[Tier, ...] = ()
    per: Annotated[int, Field(ge=1)] = 1
    unit: str
    source: Annotated[str, Field(pattern=r"^https://\S+$")]
    via: str
    read: date
    confirmed: bool

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if (self.usd is None) == (not self.tiers):
            raise ValueError("needs either usd or tiers")
        limits = [tier.up_to for tier in self.tiers]
        if self.tiers and (limits != sorted(set(limits)) or limits[-1] != inf):
            raise ValueError("tiers go up, and the last has no upTo")
        return self

    def charge(self, quantity: float, *, before: float = 0.0) -> float:
        """Dollars for `quantity` more units in a month that has had `before` of them already."""
        tiers = self.tiers or (Tier(usd=self.usd or 0.0),)
        return sum(
            max(0.0, min(before + quantity, tier.up_to) - max(before, below)) / self.per * tier.usd
            for tier, below in zip(tiers, (0.0, *(tier.up_to for tier in tiers)), strict=False)
        )

    @property
    def words(self) -> str:
        """`$0.15 for 1,000 requests`."""
        usd = self.tiers[0].usd if self.tiers else self.usd or 0.0
        shown = f"${usd:.2f}" if usd >= 0.1 or usd == round(usd, 2) else f"${usd:.10f}".rstrip("0")
        many = f"{self.per:,} {self.unit}" if self.per > 1 else _ONE.get(self.unit, self.unit)
        return f"{shown} for {many}" if self.per > 1 else f"{shown} {many}"


_ONE = {
    "months": "a month",
    "hours": "an hour",
    "TPS-hours": "a TPS-hour",
    "metrics": "a metric",
    "GB": "a GB",
    "GB-months": "a GB-month",
    "GB-seconds": "a GB-second",
}


class Resource(_Row):
    """What a resource type of the templates costs: charged and used, free, or without a price."""

    line: str | None = None
    charged: What | None = None
    use: tuple[What, ...] = ()
    free: str | None = None
    source: Annotated[str, Field(pattern=r"^https://\S+$")] | None = None
    unpriced: str | None = None

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if [bool(self.charged or self.use), bool(self.free), bool(self.unpriced)].count(True) != 1:
            raise ValueError("needs one of: charged or use, free, unpriced")
        if bool(self.free) != bool(self.source):
            raise ValueError("free and source go together")
        if bool(self.charged) != bool(self.line):
            raise ValueError("charged and line go together")
        return self


class _Assumed(_Row):
    like: str
    regions: tuple[str, ...]


class _File(_Row):
    prices: tuple[Price, ...]
    assumed: _Assumed
    resources: dict[str, Resource]
    unpriced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one Region."""

    region: str
    by_what: Mapping[str, Price]

    def __getitem__(self, what: What) -> Price:
        return self.by_what[what]

    @property
    def assumed(self) -> tuple[str, ...]:
        """The other Regions whose prices are taken for this one."""
        return tuple(sorted({price.region for price in self.by_what.values()} - {self.region}))

    @property
    def unconfirmed(self) -> int:
        """How many prices nobody has read on AWS's own page."""
        return sum(not price.confirmed for price in self.by_what.values())

    def billing(self, recipe: str, *of: What) -> Price:
        """Which of these prices is the recipe's. Raises PriceError where none is."""
        for what in of:
            if recipe in self[what].recipes:
                return self[what]
        raise PriceError(f"infra/prices.yaml has no price of {' or '.join(of)} for the recipe {recipe}")

    def campaign(self, recipe: str, tps: int, requests: float = 0.0, *, before: float = 0.0) -> "CampaignCharge":
        """What a campaign with `tps` provisioned costs in a month with so many requests, evenly spread.

        It bills the larger of what is provisioned and what is asked, from its creation to its deletion
        (https://docs.aws.amazon.com/personalize/latest/dg/API_CreateCampaign.html). `before`: units of the same price
        that other campaigns have used.
        """
        price = self.billing(recipe, "personalize-requests-v2", "personalize-tps-hours-v1")
        asked = max(requests, tps * SECONDS_AN_HOUR * HOURS_A_MONTH)
        units = asked if price.what == "personalize-requests-v2" else asked / SECONDS_AN_HOUR
        return CampaignCharge(price, units, price.charge(units, before=before))


@dataclass(frozen=True, slots=True)
class CampaignCharge:
    """One campaign's month: the price that applies, how many of its units, and the dollars."""

    price: Price
    units: float
    dollars: float


@dataclass(frozen=True, slots=True)
class PriceTable:
    """All of `infra/prices.yaml`."""

    rows: Sequence[Price]
    like: str
    assumed: frozenset[str]
    resources: Mapping[str, Resource]
    unpriced: Sequence[str]

    @property
    def regions(self) -> frozenset[str]:
        """The Regions that have every price, their own or an assumed one."""
        own = {row.region for row in self.rows}
        return frozenset(region for region in own | self.assumed if len(self._of(region)) == len(get_args(What)))

    def of(self, region: str) -> Prices:
        """The prices of a Region. Raises PriceError where it lacks one."""
        if region not in self.regions:
            raise PriceError(
                f"infra/prices.yaml has no price for {region}; add its rows, or the Region to `assumed`. It has prices"
                f" for {', '.join(sorted(self.regions))}"
            )
        return Prices(region, self._of(region))

    def _of(self, region: str) -> dict[str, Price]:
        base = [row for row in self.rows if row.region == self.like] if region in self.assumed else []
        return {row.what: row for row in [*base, *(row for row in self.rows if row.region == region)]}

    def missing(self, templates: Iterable[Mapping[str, Any]]) -> list[str]:
        """The resource types of the templates that the table does not know."""
        types = {resource["Type"] for template in templates for resource in template.get("Resources", {}).values()}
        return sorted(types - set(self.resources))


@cache
def load_prices(path: Path = PRICES_FILE) -> PriceTable:
    """The price table. Raises PriceError with one line for each fault."""
    try:
        file = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PriceError(f"infra/{path.name} cannot be read: {error}") from error
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise PriceError("\n".join([f"infra/{path.name} cannot be used:", *lines])) from error
    keys = [(row.region, row.what) for row in file.prices]
    twice = sorted({f"{what} of {region}" for region, what in keys if keys.count((region, what)) > 1})
    if twice:
        raise PriceError(f"infra/{path.name} has two rows for {', '.join(twice)}")
    lacks = sorted(set(get_args(What)) - {row.what for row in file.prices if row.region == file.assumed.like})
    if lacks:
        raise PriceError(f"infra/{path.name}: {file.assumed.like} has no row for {', '.join(lacks)}")
    return PriceTable(file.prices, file.assumed.like, frozenset(file.assumed.regions), file.resources, file.unpriced)


def idle_campaign_dollars(region: str, recipe: str, tps: int) -> float:
    """What a campaign that nobody asks costs a month. Raises PriceError."""
    return load_prices().of(region).campaign(recipe, tps).dollars
