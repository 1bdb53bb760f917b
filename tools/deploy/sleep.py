"""Putting an environment to sleep and waking it: campaigns, schedule and their alarms go, and come again.

The truth is one SSM parameter (`Names.asleep`). It is written first; then the stacks that read it are updated with the
templates that they have, so that nothing else of them changes, and CloudFormation takes the parameter's new value:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/systems-manager-parameter-types.html

Whatever is interrupted, the next call in either direction writes the parameter again and updates what is not yet so.
Ledgers are read alone: they say what serves after the next waking.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from infra.naming import ASLEEP, AWAKE, EMPTY_LEDGER, SLEEP_PARAMETER, SLEEPING_STACKS
from infra.settings import Settings
from tools.deploy import ledger, leftovers
from tools.deploy.base.errors import DeployError
from tools.deploy.costs import sleeping_saves
from tools.deploy.lock import lock
from tools.deploy.observe import Observed, read_ledgers, stack_status, wait_until_settled
from tools.environment.connection import Connection
from tools.environment.errors import UsageError

_NO_UPDATES = "No updates are to be performed"
_GENERATION = re.compile(r"G(\d+)Version")
"""Of a parameter of the campaigns stack that reads a ledger."""


# --- what is said


def stays_asleep(settings: Settings) -> str:
    """That the environment sleeps, what that means, and what ends it."""
    return (
        f"{settings.environment} sleeps: no campaign, no scheduled training. Events are forwarded and archived,"
        f" visitors get the popular list. ./deploy.sh {settings.environment} --wake wakes it."
    )


def what_it_saves(settings: Settings) -> str:
    """Dollars a month that the campaigns cost, and what waking takes."""
    return (
        f"Sleeping saves about {sleeping_saves(settings):,.2f} USD a month, what the campaigns cost idle."
        f" {what_waking_takes()}"
    )


def what_waking_takes() -> str:
    """How long it takes to have campaigns again."""
    return (
        "Waking creates the campaigns anew from the versions that the ledgers tell, without a training: on AWS it takes"
        " minutes (how many is not documented), on the local cloud seconds."
    )


# --- what is refused


def refuse_where_not_allowed(settings: Settings) -> None:
    """Raises UsageError where a protected environment's config does not allow it to sleep."""
    if settings.protected and not settings.sleep.allowed:
        raise UsageError(
            f"{settings.environment} is protected and does not sleep: its visitors would get the popular list. Where"
            f" that is meant, set sleep.allowed to true in config/{settings.environment}.yaml"
        )


def refuse_where_not_deployed(connection: Connection, observed: Observed) -> None:
    """Raises DeployError where there is nothing to put to sleep or to wake, or it cannot sleep yet."""
    environment, cloudformation = connection.settings.environment, connection.client("cloudformation")
    missing = [stack for stack in SLEEPING_STACKS if stack not in observed.stacks and stack != "campaigns"]
    if missing:
        raise DeployError(
            f"{environment} is not deployed (no stack {' and no stack '.join(missing)}), so it can neither sleep"
            f" nor wake: ./deploy.sh {environment} deploys it"
        )
    for stack in SLEEPING_STACKS:
        if stack in observed.stacks and SLEEP_PARAMETER not in _parameters(connection, cloudformation, stack):
            raise DeployError(
                f"the stack {connection.settings.names.stack(stack)} is from before environments could sleep:"
                f" ./deploy.sh {environment} brings it up to date, then it can"
            )


# --- the parameter


def make_parameter(connection: Connection) -> None:
    """Creates the parameter, awake, where there is none yet. Never overwrites it."""
    try:
        _put(connection, AWAKE, overwrite=False)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ParameterAlreadyExists", "ParameterAlreadyExistsException"):
            raise


def _put(connection: Connection, value: str, *, overwrite: bool) -> None:
    connection.client("ssm").put_parameter(
        Name=connection.settings.names.asleep,
        Value=value,
        Type="String",
        Overwrite=overwrite,
        Description="Whether the environment sleeps; ./deploy.sh ENV --sleep and --wake change it",
    )


# --- the change


def change(connection: Connection, *, asleep: bool, progress: Callable[[str], None]) -> str:
    """Makes the environment sleep or wake, under the lock; returns what serves then.

    Raises DeployError where a stack could not be updated, or where the campaigns are not as they should be after it.
    """
    with lock.held(connection, progress) as mine:
        # An interrupted deploy, or an interrupted change, may have left CloudFormation at work.
        wait_until_settled(connection, progress)
        mine.check()
        _put(connection, ASLEEP if asleep else AWAKE, overwrite=True)
        started = datetime.now(UTC)
        updated = []
        for stack in SLEEPING_STACKS:
            mine.check()
            if _begin_update(connection, stack):
                updated.append(stack)
        wait_until_settled(connection, progress)
        _check_updates(connection, updated, started)
        if asleep:
            mine.check()
            remove_campaigns(connection, progress)
            return "no campaign stands"
        serving = ledger.compare_campaigns(connection, _generations(connection))
        if serving.otherwise:
            raise DeployError("; ".join(serving.otherwise))
        return "; ".join(serving.as_told) or "no model was promoted yet, so there is no campaign"


def standing_campaigns(connection: Connection) -> list[str]:
    """The ARNs of all campaigns that stand for a ledger of the environment, in whatever state."""
    personalize, names = connection.client("personalize"), connection.settings.names
    standing = []
    for (role, generation), version in sorted(read_ledgers(connection.client("ssm"), names).items()):
        arn = names.campaign_arn(role, generation)
        if version != EMPTY_LEDGER and _exists(personalize, arn):
            standing.append(arn)
    return standing


def remove_campaigns(connection: Connection, progress: Callable[[str], None]) -> None:
    """Deletes campaigns that their stack has left behind: CloudFormation goes on where it cannot delete one."""
    left = [(leftovers.CAMPAIGN, arn) for arn in standing_campaigns(connection)]
    leftovers.delete_resources(connection, left, progress)


def _exists(personalize: Any, arn: str) -> bool:
    try:
        personalize.describe_campaign(campaignArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise
    return True


def _begin_update(connection: Connection, stack: str) -> bool:
    """Begins to update the stack with what it has; False where it is so already, or does not stand."""
    name, cloudformation = connection.settings.names.stack(stack), connection.client("cloudformation")
    if stack_status(cloudformation, name) is None:
        return False
    parameters = _parameters(connection, cloudformation, stack)
    try:
        # Without a RoleARN CloudFormation takes the role that the stack was deployed with:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
        cloudformation.update_stack(
            StackName=name,
            UsePreviousTemplate=True,
            Parameters=[{"ParameterKey": key, "UsePreviousValue": True} for key in parameters],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        if _NO_UPDATES in str(error):
            return False
        raise DeployError(
            f"CloudFormation does not update {name}: {error.response['Error'].get('Message', error)}."
            f" ./deploy.sh {connection.settings.environment} may mend it; then start this again"
        ) from error
    return True


def _parameters(connection: Connection, cloudformation: Any, stack: str) -> Mapping[str, str]:
    found = cloudformation.describe_stacks(StackName=connection.settings.names.stack(stack))["Stacks"][0]
    return {each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])}


def _check_updates(connection: Connection, stacks: list[str], since: datetime) -> None:
    cloudformation, names = connection.client("cloudformation"), connection.settings.names
    for stack in stacks:
        status = stack_status(cloudformation, names.stack(stack))
        if status == "UPDATE_COMPLETE":
            continue
        events = cloudformation.describe_stack_events(StackName=names.stack(stack))["StackEvents"]
        reasons = [
            f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
            for event in reversed(events)
            if event["ResourceStatus"].endswith("_FAILED") and event["Timestamp"] >= since
        ]
        raise DeployError("\n".join([f"the update of {names.stack(stack)} ended as {status}:", *reasons]))


def _generations(connection: Connection) -> set[int]:
    """The generations that the campaigns stack knows, as it is deployed."""
    cloudformation = connection.client("cloudformation")
    if stack_status(cloudformation, connection.settings.names.stack("campaigns")) is None:
        return set()
    keys = _parameters(connection, cloudformation, "campaigns")
    return {int(match[1]) for key in keys if (match := _GENERATION.search(key))}
