"""What an environment costs a month while nobody visits it: the bill that a forgotten environment runs up.

AWS's price list could not be read where this was written. Each figure says where it comes from: `third-party` prices
were found in several independent places that agree with one another, `list price` is the figure AWS has published for
us-east-1 for years; what is not known is said to be unknown and left out of the sum. Look before you rely on it:
https://aws.amazon.com/personalize/pricing/ and https://calculator.aws/
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.settings import Settings

HOURS_A_MONTH = 730
TPS_HOUR_TIERS = ((20_000, 0.20), (200_000, 0.10), (float("inf"), 0.05))
"""USD for a TPS-hour of real-time recommendations, by TPS-hours a month (third-party, 2026)."""
TRAINING_HOUR = 0.24
TRAINING_HOURS_A_RUN = 2.1
"""Billed hours to train 100,000 interactions with a v1 recipe, as an AWS notebook recorded."""
ON_DEMAND_STREAM_HOUR = 0.04
KEY = 1.00
ALARM = 0.10
DASHBOARD = 3.00
METRIC = 0.30
_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of the bill."""

    item: str
    dollars: float | None
    """A month, or None where the price is not known."""
    basis: str
    """How the figure comes about, and where its price is from."""


def campaign_dollars(tps_hours: float) -> float:
    """The price of so many TPS-hours in one month, by tiers."""
    dollars, below = 0.0, 0.0
    for limit, price in TPS_HOUR_TIERS:
        dollars += max(0.0, min(tps_hours, limit) - below) * price
        below = limit
    return dollars


def trainings_a_month(schedule: str) -> float | None:
    """How often the schedule starts the state machine a month; None for a cron expression."""
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule)
    return HOURS_A_MONTH / (int(match[1]) * _HOURS[match[2]]) if match else None


def monthly_costs(settings: Settings, templates: Iterable[Mapping[str, Any]]) -> list[Cost]:
    """The bill of one month without a single visitor, the campaigns first.

    `templates` are the synthesized ones: keys, streams, alarms, dashboards and Lambda functions are counted in them.
    """
    return [
        _campaigns(settings),
        _training(settings),
        *_counted(list(templates)),
        Cost("Lambda, S3, SNS, SQS, Step Functions, logs", 0.0, "cents while idle; with traffic they follow it"),
    ]


def total(costs: Iterable[Cost]) -> float:
    """The sum of what is known."""
    return sum(cost.dollars for cost in costs if cost.dollars is not None)


def _campaigns(settings: Settings) -> Cost:
    provisioned = [settings.min_provisioned_tps, settings.rerank_min_provisioned_tps][: len(settings.roles)]
    hours = sum(provisioned) * HOURS_A_MONTH
    many = "campaign" if len(provisioned) == 1 else "campaigns"
    basis = (
        f"{' + '.join(map(str, provisioned))} TPS x {HOURS_A_MONTH} h, $0.20 a TPS-hour (third-party); billed from"
        " their creation to their deletion, visitors or none"
    )
    if any(recipe.endswith("-v2") for recipe in (settings.recipes.recommendation, settings.recipes.reranking)):
        basis += "; v2 recipes have prices of their own, which could not be verified"
    return Cost(f"{len(provisioned)} idle {many}", campaign_dollars(hours), basis)


def _training(settings: Settings) -> Cost:
    runs = trainings_a_month(settings.schedule)
    solutions = len(settings.roles) + settings.popularity_baseline
    often = f"up to {runs:.1f} runs a month" if runs is not None else f"as often as {settings.schedule} says"
    often += f" x {solutions} solutions, skipped below {settings.min_new_events} new events"
    recipes = (settings.recipes.recommendation, settings.recipes.reranking)[: len(settings.roles)]
    if runs is None or any(recipe.endswith("-v2") for recipe in recipes):
        return Cost("Training", None, f"{often}; v2 trains at a price by interactions, which could not be verified")
    dollars = runs * solutions * TRAINING_HOURS_A_RUN * TRAINING_HOUR
    return Cost("Training", dollars, f"{often} x {TRAINING_HOURS_A_RUN} h x ${TRAINING_HOUR} (third-party)")


def _counted(templates: list[Mapping[str, Any]]) -> list[Cost]:
    kinds = [resource["Type"] for template in templates for resource in template.get("Resources", {}).values()]
    streams, keys = kinds.count("AWS::Kinesis::Stream"), kinds.count("AWS::KMS::Key")
    alarms, dashboards = kinds.count("AWS::CloudWatch::Alarm"), kinds.count("AWS::CloudWatch::Dashboard")
    return [
        Cost(
            "Kinesis stream", streams * ON_DEMAND_STREAM_HOUR * HOURS_A_MONTH, "on demand, $0.04 an hour (list price)"
        ),
        Cost("Encryption key", keys * KEY, "$1 a key, and $1 more for each of its first two rotations (list price)"),
        Cost("Alarms", alarms * ALARM, f"{alarms} x $0.10 (list price)"),
        Cost("Dashboard", dashboards * DASHBOARD, "$3 each; the first three of an account are free (list price)"),
    ]
