"""The alarms of the functions and of the campaigns that two of them ask."""

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.naming import Function, Role
from infra.prices import idle_campaign_dollars
from infra.settings import Settings
from infra.shared.generations import Generation
from infra.stacks.monitoring import metrics
from infra.stacks.monitoring.alarms import ABOVE, BELOW, UNKNOWN, Alarms
from infra.stacks.monitoring.metrics import HOUR

ERROR_SHARE = 0.01
"""Share of failed invocations that raises the alarm: callers' mistakes are no errors, each one is a bug or a limit."""
UTILIZATION_FLOOR = 0.5
"""A campaign that never uses half of what is provisioned is over-provisioned."""
SERVING: dict[Role, Function] = {"recommendation": "recommend", "reranking": "rerank"}


def function_alarms(alarms: Alarms, function: Function) -> None:
    """Of a function that fails, or that Lambda does not run."""
    names, name = alarms.names, function.replace("_", "-")
    alarms.add(
        f"{name}-errors",
        metrics.share(
            metrics.lambda_metric(names, function, "Errors"),
            metrics.lambda_metric(names, function, "Invocations"),
            label="Share of failed invocations",
        ),
        description=f"{function} fails in more than {ERROR_SHARE:.0%} of its invocations.",
        threshold=ERROR_SHARE,
        comparison=ABOVE,
    )
    alarms.add(
        f"{name}-throttles",
        metrics.lambda_metric(names, function, "Throttles"),
        description=f"Lambda refuses to run {function}: the account's or the function's concurrency is used up.",
        threshold=1,
    )


def serving_alarms(alarms: Alarms, settings: Settings, role: Role) -> None:
    """Of a serving function that answers late, or without Personalize."""
    names, thresholds, function = settings.names, settings.alarms, SERVING[role]
    alarms.add(
        f"{function}-fallbacks",
        metrics.share(
            metrics.handler_metric(names, function, "Fallbacks"),
            metrics.handler_metric(names, function, "Requests"),
            label="Share of fallback answers",
        ),
        description="More than alarms.fallbackShare of the answers are the popular list: Personalize fails.",
        threshold=thresholds.fallback_share,
        comparison=ABOVE,
        periods=2,
    )
    alarms.add(
        f"{function}-latency",
        metrics.lambda_metric(names, function, "Duration", statistic="p99"),
        description="One answer in a hundred takes longer than alarms.latencyP99Milliseconds.",
        threshold=thresholds.latency_p99_milliseconds,
        comparison=ABOVE,
        periods=3,
    )


def campaign_alarms(alarms: Alarms, settings: Settings, role: Role, generation: Generation) -> None:
    """Of a campaign that bills for what nobody uses."""
    names, number, hours = settings.names, generation.number, settings.alarms.campaign_idle_hours
    suffix = "" if number == 1 else f"-g{number}"
    provisioned = settings.min_tps(role)
    dollars = idle_campaign_dollars(settings.region, generation.recipe(role), provisioned)
    alarms.silence(
        f"{role}-idle{suffix}",
        metrics.campaign_requests(names, role, number),
        description=f"Nobody asked the {role} campaign for {hours} hours; it bills all the same, about"
        f" ${dollars:,.0f} a month (infra/prices.yaml).",
        periods=hours,
    )
    # One transaction a second is the least that can be provisioned: there would be nothing to lower.
    if provisioned > 1:
        alarms.add(
            f"{role}-campaign-overprovisioned{suffix}",
            cloudwatch.MathExpression(
                # An hour without requests has no datapoint and is passed over: a campaign that nobody asks at all is
                # idle, which is an alarm of its own.
                expression=f"requests / PERIOD(requests) / {provisioned}",
                using_metrics={"requests": metrics.campaign_requests(names, role, number)},
                label="Share of the provisioned transactions a second in use",
                period=HOUR,
            ),
            description=f"The {role} campaign used less than half of what is provisioned for {hours} hours; each"
            f" transaction a second is about ${dollars / provisioned:,.0f} a month (infra/prices.yaml).",
            threshold=UTILIZATION_FLOOR,
            comparison=BELOW,
            periods=hours,
            missing=UNKNOWN,
        )
