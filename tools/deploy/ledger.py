"""The ledgers: one SSM parameter for each campaign, naming the solution version that serves, or `none`."""

from collections.abc import Iterable

from botocore.exceptions import ClientError

from infra.naming import EMPTY_LEDGER, Role
from tools.connection import Connection
from tools.deploy.errors import DeployError
from tools.deploy.observe import read_ledgers


def make_ledgers(connection: Connection, generation: int) -> int:
    """Creates the generation's ledgers that do not stand yet; returns how many. Never overwrites one."""
    ssm, names = connection.client("ssm"), connection.settings.names
    made = 0
    for role in connection.settings.roles:
        try:
            ssm.put_parameter(
                Name=names.ledger(role, generation),
                Value=EMPTY_LEDGER,
                Type="String",
                Overwrite=False,
                Description=f"Solution version that the {role} campaign serves; `{EMPTY_LEDGER}` before the first",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ParameterAlreadyExists", "ParameterAlreadyExistsException"):
                raise
        else:
            made += 1
    return made


def drop_ledgers(connection: Connection, ledgers: Iterable[tuple[Role, int]]) -> None:
    """Deletes ledgers of which nothing stands any more."""
    names = connection.settings.names
    delete_parameters(connection, [names.ledger(role, generation) for role, generation in ledgers])


def delete_parameters(connection: Connection, parameters: Iterable[str]) -> None:
    """Deletes SSM parameters; those that are not there are passed over."""
    ssm, left = connection.client("ssm"), sorted(parameters)
    for start in range(0, len(left), 10):  # the most that DeleteParameters takes
        ssm.delete_parameters(Names=left[start : start + 10])


def check_campaigns(connection: Connection, generations: Iterable[int]) -> list[str]:
    """Compares every promoted ledger with its campaign; returns a line for each that serves.

    Raises DeployError where a campaign serves another version than its ledger says, or does not serve.
    """
    names, personalize = connection.settings.names, connection.client("personalize")
    ledgers = read_ledgers(connection.client("ssm"), names)
    lines = []
    for (role, generation), version in sorted(ledgers.items()):
        if version == EMPTY_LEDGER or generation not in generations:
            continue
        campaign = personalize.describe_campaign(campaignArn=names.campaign_arn(role, generation))["campaign"]
        if campaign["status"] != "ACTIVE":
            raise DeployError(
                f"the {role} campaign is {campaign['status']}, not ACTIVE: {campaign.get('failureReason', 'no reason')}"
            )
        if campaign["solutionVersionArn"] != version:
            raise DeployError(
                f"the {role} campaign serves {campaign['solutionVersionArn']}, but its ledger"
                f" {names.ledger(role, generation)} says {version}. Start the state machine or this deploy again; if it"
                " stays so, look at the campaign's latestCampaignUpdate"
            )
        lines.append(f"{role}: {version.partition(':solution/')[2]}")
    return lines
