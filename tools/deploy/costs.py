"""What an environment costs a month: at rest, and with visitors. Every price is `infra/prices.yaml`'s.

What is assumed of the traffic is said here, each with its figure; what AWS charges for and no price was found for is
named on the bill.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.naming import Role
from infra.prices import HOURS_A_MONTH, CampaignCharge, Prices, load_prices
from infra.settings import Settings

INTERACTIONS = Path(__file__).resolve().parents[2] / "seed_data" / "interactions" / "interactions.csv"
MILLION = 1_000_000

EVENT_KILOBYTES = 0.4
"""Of an event as docs/develop/payloads.md has it."""
KINESIS_KILOBYTES = 1
"""To which a stream rounds each record up (https://aws.amazon.com/kinesis/data-streams/pricing/)."""
FIREHOSE_KILOBYTES = 5
"""To which Firehose rounds each record up, of a stream too (https://aws.amazon.com/firehose/pricing/)."""
READERS = 2
"""Of the stream: the forwarder and Firehose."""
FREE_RETENTION_HOURS = 24
EVENTS_AN_INVOCATION = 10
"""Of the forwarder, on average: a quiet site has less, a busy one up to `ingestion.batchSize`."""
FORWARD_SECONDS = 0.2
ANSWER_SECONDS = 0.1
FUNCTION_GIGABYTES = 0.5
LOG_KILOBYTES = 1
"""Of one invocation: Lambda's own lines, and one with the metrics."""
CUSTOM_METRICS = 19
"""That the functions and the training machine publish, a name and its dimensions counting as one."""
TRANSITIONS_A_RUN = 500
"""Of the training machine: most are waits of a minute or two for a training of some hours."""
V1_TRAINING_HOURS = 2.1
"""Billed to train 100,000 interactions with a v1 recipe, as an AWS notebook recorded; more take more in proportion."""
V1_TRAINING_INTERACTIONS = 100_000
POPULARITY_RECIPE = "aws-popularity-count"
_KILOBYTES_A_GIGABYTE = 1024 * 1024
_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}


@dataclass(frozen=True, slots=True)
class Traffic:
    """What visitors do in a month."""

    events: int = 0
    recommendations: int = 0
    """Requests to `recommend`."""
    rerankings: int = 0
    """Requests to `rerank`."""


IDLE = Traffic()


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of the bill."""

    item: str
    dollars: float | None
    """A month, or None where it cannot be said."""
    basis: str
    """How the figure comes about."""


def trainings_a_month(schedule: str) -> float | None:
    """How often the schedule starts the state machine a month; None for a cron expression."""
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule)
    return HOURS_A_MONTH / (int(match[1]) * _HOURS[match[2]]) if match else None


def monthly_costs(
    settings: Settings, templates: Iterable[Mapping[str, Any]], traffic: Traffic = IDLE, *, seed: int | None = None
) -> list[Cost]:
    """The bill of one month, the campaigns first; the same lines in the same order whatever the traffic.

    `templates` are the synthesized ones: what is charged by the piece is counted in them. `seed` is how many
    interactions the first training has, those of the seed data where it is not given.
    """
    prices = load_prices().of(settings.region)
    return [
        _campaigns(settings, traffic),
        _training(settings, prices, traffic, seed_interactions() if seed is None else seed),
        *_counted(prices, list(templates)),
        *_of_events(prices, settings, traffic.events),
        *_of_answers(prices, traffic.recommendations + traffic.rerankings),
        _metrics(prices, traffic),
    ]


def total(costs: Iterable[Cost]) -> float:
    """The sum of what is known."""
    return sum(cost.dollars for cost in costs if cost.dollars is not None)


def sleeping_saves(settings: Settings) -> float:
    """Dollars a month that the campaigns cost while nobody asks them: what an environment without them does not pay."""
    return sum(charge.dollars for charge in _campaign_charges(settings, IDLE).values())


def included_requests(settings: Settings, role: Role) -> int:
    """Requests a month that the role's provisioned transactions pay for already, if they come evenly."""
    return settings.min_tps(role) * 3600 * HOURS_A_MONTH


def million_events(settings: Settings) -> list[Cost]:
    """What a million more events cost, but for what trainings cost more by them."""
    return _of_events(load_prices().of(settings.region), settings, MILLION)


def million_recommendations(settings: Settings) -> list[Cost]:
    """What a million more requests to `recommend` cost beyond those that are provisioned."""
    prices = load_prices().of(settings.region)
    included = included_requests(settings, "recommendation")
    recipe = settings.recipes.recommendation
    more = prices.campaign(recipe, settings.min_provisioned_tps, included + MILLION)
    base = prices.campaign(recipe, settings.min_provisioned_tps, included)
    words = f"{more.price.words}; the first {included:,} a month are provisioned and paid for already"
    return [Cost("Campaign", more.dollars - base.dollars, words), *_of_answers(prices, MILLION)]


def training_dollars(settings: Settings, interactions: int) -> float:
    """What one training run costs: each solution is trained on all interactions."""
    prices = load_prices().of(settings.region)
    of_roles = (settings.recipes.recommendation, settings.recipes.reranking)[: len(settings.roles)]
    recipes: tuple[str, ...] = (*of_roles, *((POPULARITY_RECIPE,) if settings.popularity_baseline else ()))
    return sum(_solution_dollars(prices, recipe, interactions) for recipe in recipes) + prices["step-functions"].charge(
        TRANSITIONS_A_RUN
    )


def unit_costs(settings: Settings) -> list[Cost]:
    """What a million events, a million recommendations, a training and a month asleep cost or save."""
    answers, interactions, asleep = million_recommendations(settings), seed_interactions(), sleeping_saves(settings)
    return [
        Cost("A million events", total(million_events(settings)), "stream, archive, forwarder, Personalize"),
        Cost("A million recommendations", total(answers), answers[0].basis),
        Cost(
            "A training run",
            training_dollars(settings, interactions),
            f"all solutions, on the seed's {interactions:,} interactions",
        ),
        Cost("Sleeping saves, a month", asleep, f"what the idle campaigns cost, {asleep / HOURS_A_MONTH:.2f} an hour"),
    ]


def seed_interactions() -> int:
    """How many interactions the seed data have."""
    try:
        with INTERACTIONS.open("rb") as lines:
            return max(0, sum(1 for _ in lines) - 1)
    except FileNotFoundError:
        return 0


def _solution_dollars(prices: Prices, recipe: str, interactions: int) -> float:
    price = prices.billing(recipe, "personalize-training-v2", "personalize-training-v1")
    if price.what == "personalize-training-v2":
        return price.charge(interactions)
    return price.charge(V1_TRAINING_HOURS * max(1.0, interactions / V1_TRAINING_INTERACTIONS))


def _campaign_charges(settings: Settings, traffic: Traffic) -> dict[Role, CampaignCharge]:
    prices = load_prices().of(settings.region)
    recipes = {"recommendation": settings.recipes.recommendation, "reranking": settings.recipes.reranking}
    asked = {"recommendation": traffic.recommendations, "reranking": traffic.rerankings}
    charges: dict[Role, CampaignCharge] = {}
    for role in settings.roles:
        # Tiers count what all campaigns of the account use.
        before = {charge.price.what: charge.units for charge in charges.values()}
        price = prices.campaign(recipes[role], settings.min_tps(role)).price
        charges[role] = prices.campaign(
            recipes[role], settings.min_tps(role), asked[role], before=before.get(price.what, 0.0)
        )
    return charges


def _campaigns(settings: Settings, traffic: Traffic) -> Cost:
    charges = _campaign_charges(settings, traffic)
    provisioned = " + ".join(str(settings.min_tps(role)) for role in charges)
    words = " and ".join(dict.fromkeys(charge.price.words for charge in charges.values()))
    idle = "" if traffic.recommendations or traffic.rerankings else "idle "
    return Cost(
        f"{len(charges)} {idle}{'campaign' if len(charges) == 1 else 'campaigns'}",
        sum(charge.dollars for charge in charges.values()),
        f"{provisioned} TPS x {HOURS_A_MONTH} h at least, {words}; billed from their creation to their deletion,"
        " visitors or none",
    )


def _training(settings: Settings, prices: Prices, traffic: Traffic, seed: int) -> Cost:
    scheduled, least = trainings_a_month(settings.schedule), settings.min_new_events
    interactions = seed + traffic.events
    each = training_dollars(settings, interactions)
    basis = f"${each:.2f} a run on {interactions:,} interactions, skipped below {least} new events"
    if least and not traffic.events:
        return Cost("Training", 0.0, f"no events, no runs; the first deploy trains once: {basis}")
    if scheduled is None:
        return Cost("Training", None, f"{basis}; as often as {settings.schedule} says")
    runs = min(scheduled, traffic.events / least) if least else scheduled
    return Cost("Training", runs * each, f"up to {runs:.1f} runs a month, {basis}")


def _counted(prices: Prices, templates: Sequence[Mapping[str, Any]]) -> Iterator[Cost]:
    """What is charged by the piece, whoever uses it."""
    found = [resource for template in templates for resource in template.get("Resources", {}).values()]
    for type_, resource in load_prices().resources.items():
        if resource.charged is None or resource.line is None:
            continue
        price = prices[resource.charged]
        pieces = [each for each in found if each["Type"] == type_]
        count = sum(map(_metrics_of, pieces)) if price.unit == "metrics" else len(pieces)
        hours = f" x {HOURS_A_MONTH} h" if price.unit == "hours" else ""
        dollars = price.charge(count * (HOURS_A_MONTH if hours else 1))
        yield Cost(resource.line, dollars, f"{count}{hours} x {price.words}")


def _metrics_of(alarm: Mapping[str, Any]) -> int:
    """An alarm is charged for each metric that it looks at, not for the expression over them."""
    queries = alarm.get("Properties", {}).get("Metrics", ())
    return max(1, sum("MetricStat" in query for query in queries))


def _of_events(prices: Prices, settings: Settings, events: int) -> list[Cost]:
    rounded = events * KINESIS_KILOBYTES / _KILOBYTES_A_GIGABYTE
    plain = events * EVENT_KILOBYTES / _KILOBYTES_A_GIGABYTE
    kept = rounded * max(0, settings.retention.stream_hours - FREE_RETENTION_HOURS) / HOURS_A_MONTH
    stream = (
        prices["kinesis-in"].charge(rounded)
        + prices["kinesis-out"].charge(plain * READERS)
        + prices["kinesis-retention"].charge(kept)
    )
    archive = events * FIREHOSE_KILOBYTES / _KILOBYTES_A_GIGABYTE
    calls = events / EVENTS_AN_INVOCATION
    return [
        Cost("Stream, by the event", stream, f"{prices['kinesis-in'].words} in, {prices['kinesis-out'].words} out"),
        Cost("Firehose", prices["firehose-in"].charge(archive), f"{prices['firehose-in'].words}, 5 KB an event"),
        Cost(
            "Archive", prices["s3-storage"].charge(plain), f"{prices['s3-storage'].words}, and each month that it stays"
        ),
        Cost(
            "Forwarder", _function(prices, calls, FORWARD_SECONDS), f"{EVENTS_AN_INVOCATION} events an invocation; logs"
        ),
        Cost(
            "Personalize, ingestion",
            prices["personalize-ingestion"].charge(plain),
            prices["personalize-ingestion"].words,
        ),
    ]


def _of_answers(prices: Prices, requests: int) -> list[Cost]:
    return [
        Cost("recommend and rerank", _function(prices, requests, ANSWER_SECONDS), f"{ANSWER_SECONDS} s an answer; logs")
    ]


def _function(prices: Prices, invocations: float, seconds: float) -> float:
    return (
        prices["lambda-requests"].charge(invocations)
        + prices["lambda-compute"].charge(invocations * seconds * FUNCTION_GIGABYTES)
        + prices["logs-in"].charge(invocations * LOG_KILOBYTES / _KILOBYTES_A_GIGABYTE)
    )


def _metrics(prices: Prices, traffic: Traffic) -> Cost:
    price = prices["cloudwatch-metrics"]
    dollars = 0.0 if traffic == IDLE else price.charge(CUSTOM_METRICS)
    return Cost("Custom metrics", dollars, f"{CUSTOM_METRICS} x {price.words}, in hours with data")


def over_budget(settings: Settings, costs: Iterable[Cost]) -> str | None:
    """What is to be said in red of a bill that is above the config's budget; None where it is not."""
    known, budget = total(costs), settings.monthly_budget_usd
    if known <= budget:
        return None
    return (
        f"ABOVE THE BUDGET: {known:,.2f} USD a month are {known - budget:,.2f} more than monthlyBudgetUSD,"
        f" {budget:,.2f}, in config/{settings.environment}.yaml"
    )


def provenance(settings: Settings) -> str:
    """Where the prices come from, and what is not in them."""
    table = load_prices()
    prices = table.of(settings.region)
    taken = f", taken from {', '.join(prices.assumed)}" if prices.assumed else ""
    return (
        f"Prices of {settings.region}{taken}: {prices.unconfirmed} of {len(prices.by_what)} were not read on AWS's own"
        f" pages (infra/prices.yaml has the source of each). Not in it: {', '.join(table.unpriced)}, taxes."
    )
