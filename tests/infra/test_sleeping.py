"""What the templates leave out while an environment sleeps, all by one parameter."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from infra.naming import SLEEPING_STACKS
from tests.infra.synthesis import Synthesis, as_list


def of_campaigns(resource: Any) -> bool:
    """Whether an alarm looks at what only campaigns and training runs publish."""
    metrics = [resource["Properties"]] if "MetricName" in resource["Properties"] else []
    metrics += [q["MetricStat"]["Metric"] for q in resource["Properties"].get("Metrics", []) if "MetricStat" in q]
    return any(m["Namespace"] == "AWS/Personalize" or m["MetricName"] == "DaysSincePromotion" for m in metrics)


def test_the_stacks_read_the_parameter_themselves(dev: Synthesis) -> None:
    """At each update, as the campaigns read the ledgers; no other stack changes with it."""
    for stack, template in dev.templates.items():
        assert (stack in SLEEPING_STACKS) == ("Asleep" in template.get("Parameters", {})), stack
    for stack in SLEEPING_STACKS:
        template = dev.templates[stack]
        assert template["Parameters"]["Asleep"]["Type"] == "AWS::SSM::Parameter::Value<String>"
        assert template["Parameters"]["Asleep"]["Default"] == "/animal-recommender/dev/asleep"
        assert template["Conditions"]["Awake"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Asleep"}, "true"]}]}


def test_the_schedule_rests(dev: Synthesis) -> None:
    """The state machine stays, for runs that are started by hand."""
    schedule = dev.resource("training", "AWS::Scheduler::Schedule")
    assert schedule["State"] == {"Fn::If": ["Awake", "ENABLED", "DISABLED"]}
    machines = [r for r in dev.templates["training"]["Resources"].values() if r["Type"].endswith("::StateMachine")]
    assert [None] == [machine.get("Condition") for machine in machines]


def test_alarms_on_campaigns_and_models_know(dev: Synthesis, with_first_recipes: Synthesis) -> None:
    """Those that would miss requests, capacity or runs go; those on events, functions and errors stay."""
    for synthesis in (dev, with_first_recipes):
        alarms = [
            resource
            for resource in synthesis.templates["monitoring"]["Resources"].values()
            if resource["Type"] == "AWS::CloudWatch::Alarm"
        ]
        conditional = {a["Properties"]["AlarmName"] for a in alarms if a.get("Condition") == "Awake"}
        assert {a["Properties"]["AlarmName"] for a in alarms if of_campaigns(a)} == conditional
        assert len(conditional) >= 4
        assert len(alarms) > len(conditional) + 10


def test_no_alarm_that_stays_refers_to_one_that_goes(dev: Synthesis) -> None:
    """A composite alarm goes with its parts."""
    resources = dev.templates["monitoring"]["Resources"]
    for id_, resource in resources.items():
        if resource["Type"] != "AWS::CloudWatch::CompositeAlarm":
            continue
        parts = {name for name in resources if re.search(rf"\b{name}\b", str(resource["Properties"]["AlarmRule"]))}
        assert {resources[part].get("Condition") for part in parts} <= {resource.get("Condition")}, id_


def test_the_functions_may_read_it(dev: Synthesis, without_reranking: Synthesis) -> None:
    """That one parameter, and they know its name."""
    for synthesis, many in ((dev, 2), (without_reranking, 1)):
        functions = synthesis.resources("serving", "AWS::Lambda::Function").values()
        assert ["/animal-recommender/dev/asleep"] * many == [
            function["Environment"]["Variables"]["ASLEEP_PARAMETER"] for function in functions
        ]
        statements = [s for where, s in synthesis.statements() if where.startswith("serving/")]
        rights = [s["Resource"] for s in statements if s["Action"] == "ssm:GetParameter"]
        assert ["arn:aws:ssm:us-east-1:123456789012:parameter/animal-recommender/dev/asleep"] * many == rights


SLEEP = {"sleepAt": "cron(0 20 * * ? *)", "wakeAt": "cron(0 6 ? * MON-FRI *)", "timezone": "Europe/Berlin"}


@pytest.fixture(scope="module")
def scheduled(synthesized: Callable[..., Synthesis]) -> Synthesis:
    """An environment that sleeps by itself."""
    return synthesized("sleeping-by-schedule", sleep=SLEEP)


def test_nothing_of_it_is_built_without_a_time(dev: Synthesis) -> None:
    """One state machine, one schedule: those of the training."""
    assert len(dev.resources("training", "AWS::StepFunctions::StateMachine")) == 1
    assert len(dev.resources("training", "AWS::Scheduler::Schedule")) == 1


def test_each_time_starts_the_state_machine_in_its_zone(scheduled: Synthesis) -> None:
    """With what it is to be then."""
    schedules = {
        schedule["Name"]: schedule for schedule in scheduled.resources("training", "AWS::Scheduler::Schedule").values()
    }
    for what, moment, asleep in (("sleep", SLEEP["sleepAt"], "true"), ("wake", SLEEP["wakeAt"], "false")):
        schedule = schedules[f"dev-recommender-{what}-trigger-sch"]
        assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == (moment, "Europe/Berlin")
        assert json.loads(schedule["Target"]["Input"]) == {"asleep": asleep}
        assert schedule.get("State", "ENABLED") == "ENABLED", "a schedule that rests asleep would never wake"


def test_one_time_is_enough(synthesized: Callable[..., Synthesis]) -> None:
    """Woken by hand, or put to sleep by hand."""
    one = synthesized("sleeping-only", sleep={"sleepAt": SLEEP["sleepAt"]})
    assert {"dev-recommender-statemachine-trigger-sch", "dev-recommender-sleep-trigger-sch"} == {
        schedule["Name"] for schedule in one.resources("training", "AWS::Scheduler::Schedule").values()
    }


def test_every_placeholder_of_the_definition_is_filled(scheduled: Synthesis) -> None:
    """And nothing is filled that the definition does not have."""
    machines = scheduled.resources("training", "AWS::StepFunctions::StateMachine").values()
    (machine,) = (each for each in machines if each["StateMachineName"] == "dev-recommender-sleep-stm")
    wanted = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
    assert wanted == set(machine["DefinitionSubstitutions"])
    assert machine["DefinitionSubstitutions"]["CampaignsStack"] == "dev-pets-campaigns"


def test_its_role_can_begin_updates_of_three_stacks_and_nothing_like_a_deploy(scheduled: Synthesis) -> None:
    """No role is passed, no stack is made or deleted, and no ledger is written."""
    roles = scheduled.resources("training", "AWS::IAM::Role").values()
    (role,) = (each for each in roles if each["RoleName"] == "dev-recommender-sleep-role-rol")
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    rights = {action: as_list(s["Resource"]) for s in statements for action in as_list(s["Action"])}
    stack = "arn:aws:cloudformation:us-east-1:123456789012:stack/dev-pets-"
    assert set(rights["cloudformation:UpdateStack"]) == {f"{stack}{name}/*" for name in SLEEPING_STACKS}
    parameter = "arn:aws:ssm:us-east-1:123456789012:parameter/animal-recommender/dev/asleep"
    assert rights["ssm:PutParameter"] == [parameter]
    assert {a for a in rights if a.startswith(("iam:", "personalize:"))} == set()
    assert {a for a in rights if a.startswith("cloudformation:")} == {
        "cloudformation:DescribeStacks",
        "cloudformation:UpdateStack",
    }


def test_each_lock_holder_is_known_to_the_other(scheduled: Synthesis) -> None:
    """A training run asks whether the run that sleeps still works, and the other way round."""
    machine = "arn:aws:states:us-east-1:123456789012:execution:dev-recommender-"
    both = {f"{machine}state-machine-stm:*", f"{machine}sleep-stm:*"}
    statements = [s for _, s in scheduled.statements() if s.get("Sid") == "SeeWhetherTheHolderRuns"]
    assert [both, both] == [set(as_list(statement["Resource"])) for statement in statements]


def test_a_run_that_ends_without_a_word_is_told(scheduled: Synthesis) -> None:
    """By the rule that speaks for training runs."""
    rule = scheduled.resource("training", "AWS::Events::Rule")
    assert rule["EventPattern"]["detail"]["stateMachineArn"] == [
        "arn:aws:states:us-east-1:123456789012:stateMachine:dev-recommender-state-machine-stm",
        "arn:aws:states:us-east-1:123456789012:stateMachine:dev-recommender-sleep-stm",
    ]
