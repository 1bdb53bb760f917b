"""What stands of an environment, as its deploy finds it: stacks, ledgers, and the generation that serves."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from botocore.exceptions import ClientError

from infra.naming import ASLEEP, EMPTY_LEDGER, ROLES, STACKS, Names, Role
from tools.deploy.base.errors import DeployError
from tools.deploy.base.waiting import poll
from tools.environment.connection import Connection

_STACK_PATIENCE_SECONDS = 3 * 3600
_LEDGER = re.compile(r"personalize/(?P<role>\w+)/solution/version/arn(?:/g(?P<generation>\d+))?")
_EVENT_IDS_PARAMETER = "personalize/event-ids/digests-from"
_CAMPAIGN_PARAMETER = "personalize/recommendation/campaign/id"
"""Written by the serving stack: the campaign that its function calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One look at an environment.

    A generation exists from the creation of its first ledger, which precedes its resources, to the deletion of its
    last, which follows theirs.
    """

    stacks: Mapping[str, str]
    """CloudFormation status of each stack that stands, by its short name (`data`, `personalize`...)."""
    ledgers: Mapping[tuple[Role, int], str]
    """Solution version ARN or `none`, by role and generation."""
    serving: int | None
    """The generation that the serving functions call; None before they stand."""
    event_ids: str | None = None
    """From when on event ids are digests (`Names.event_ids_parameter`); None before an upgrade to them."""
    asleep: bool = False
    """Whether the environment sleeps: it is to have no campaigns."""

    @property
    def generations(self) -> frozenset[int]:
        return frozenset(generation for _, generation in self.ledgers)

    @property
    def is_new(self) -> bool:
        return not self.stacks and not self.ledgers

    def promoted(self, role: Role, generation: int) -> bool:
        """Whether a model of the role was promoted in the generation."""
        return self.ledgers.get((role, generation), EMPTY_LEDGER) != EMPTY_LEDGER

    def is_complete(self, roles: tuple[Role, ...], generation: int) -> bool:
        return all(self.promoted(role, generation) for role in roles)


def observe(connection: Connection) -> Observed:
    """Looks at the environment. Changes nothing."""
    names = connection.settings.names
    parameters = _parameters(connection.client("ssm"), names)
    ledgers = _ledgers(parameters)
    campaign = parameters.get(_CAMPAIGN_PARAMETER)
    generations = {generation for _, generation in ledgers}
    return Observed(
        stacks=stack_statuses(connection.client("cloudformation"), names),
        ledgers=ledgers,
        serving=next((g for g in generations if names.campaign_arn("recommendation", g) == campaign), None),
        event_ids=parameters.get(_EVENT_IDS_PARAMETER),
        asleep=is_asleep(connection),
    )


def is_asleep(connection: Connection) -> bool:
    """Whether the environment sleeps; one that does not exist, or is from before it could, is awake."""
    ssm, name = connection.client("ssm"), connection.settings.names.asleep
    found = ssm.get_parameters(Names=[name])["Parameters"]
    return bool(found and found[0]["Value"] == ASLEEP)


def read_ledgers(ssm: Any, names: Names) -> dict[tuple[Role, int], str]:
    """Every ledger of the environment, whatever its generation."""
    return _ledgers(_parameters(ssm, names))


def _parameters(ssm: Any, names: Names) -> dict[str, str]:
    """Values by path, for all parameters of the environment that concern Personalize."""
    prefix = names.parameter("")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=names.parameter("personalize"), Recursive=True)
    return {found["Name"].removeprefix(prefix): found["Value"] for page in pages for found in page["Parameters"]}


def _ledgers(parameters: Mapping[str, str]) -> dict[tuple[Role, int], str]:
    ledgers: dict[tuple[Role, int], str] = {}
    for path, value in parameters.items():
        match = _LEDGER.fullmatch(path)
        if match and match["role"] in ROLES:
            ledgers[cast(Role, match["role"]), int(match["generation"] or 1)] = value
    return ledgers


def stack_statuses(cloudformation: Any, names: Names) -> dict[str, str]:
    """The status of each stack of the environment that stands, by its short name."""
    statuses = {stack: stack_status(cloudformation, names.stack(stack)) for stack in STACKS}
    return {stack: status for stack, status in statuses.items() if status is not None}


def stack_status(cloudformation: Any, name: str) -> str | None:
    """The CloudFormation status of the stack `name`, or None where it does not stand.

    A stack in REVIEW_IN_PROGRESS is a change set that nobody executed: it holds nothing and counts as absent.
    """
    try:
        found = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    status = str(found[0]["StackStatus"]) if found else "DELETE_COMPLETE"
    return None if status in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS") else status


def wait_until_settled(connection: Connection, progress: Callable[[str], None]) -> None:
    """Waits for every stack that CloudFormation is still working on, e.g. after an interrupted deploy.

    Raises DeployError for a stack in a state that CloudFormation itself cannot leave.
    """
    cloudformation, names = connection.client("cloudformation"), connection.settings.names

    def working() -> bool:
        busy = {
            stack: status
            for stack, status in stack_statuses(cloudformation, names).items()
            if status.endswith("_IN_PROGRESS")
        }
        if busy:
            progress("waiting for " + ", ".join(f"{stack} ({status})" for stack, status in busy.items()))
        return bool(busy)

    poll(
        lambda: not working(),
        every_seconds=0.5 if connection.is_local else 10,
        for_seconds=_STACK_PATIENCE_SECONDS,
        otherwise="CloudFormation still works on a stack after three hours; look at it in the console",
    )
    for stack, status in stack_statuses(cloudformation, names).items():
        if status == "UPDATE_ROLLBACK_FAILED":
            raise DeployError(
                f"{names.stack(stack)} is in {status}: CloudFormation could not put it back. Mend what its last events"
                f" name, then `aws cloudformation continue-update-rollback --stack-name {names.stack(stack)}`"
            )
