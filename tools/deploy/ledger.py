"""The ledgers: one SSM parameter for each campaign, naming the solution version that serves, or `none`."""

from collections.abc import Iterable
from dataclasses import dataclass

from botocore.exceptions import ClientError

from infra.naming import EMPTY_LEDGER, Names, Role
from tools.deploy.observe import read_ledgers
from tools.environment.connection import Connection


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
    """Deletes ledgers of which nothing stands any more, each with the note on the version rejected last."""
    delete_parameters(connection, ledger_parameters(connection.settings.names, ledgers))


def ledger_parameters(names: Names, ledgers: Iterable[tuple[Role, int]]) -> list[str]:
    """The parameters of these ledgers: what serves, and what was rejected last."""
    return [parameter(*ledger) for ledger in ledgers for parameter in (names.ledger, names.judged)]


def delete_parameters(connection: Connection, parameters: Iterable[str]) -> None:
    """Deletes SSM parameters; those that are not there are passed over."""
    ssm, left = connection.client("ssm"), sorted(parameters)
    for start in range(0, len(left), 10):  # the most that DeleteParameters takes
        ssm.delete_parameters(Names=left[start : start + 10])


@dataclass(frozen=True, slots=True)
class Serving:
    """What the campaigns serve, compared with what their ledgers say."""

    as_told: tuple[str, ...]
    """A line for each campaign that serves what its ledger says."""
    otherwise: tuple[str, ...]
    """A line for each that does not."""


def compare_campaigns(connection: Connection, generations: Iterable[int]) -> Serving:
    """Compares every promoted ledger of the generations with its campaign."""
    names = connection.settings.names
    wanted = set(generations)
    as_told, otherwise = [], []
    for (role, generation), version in sorted(read_ledgers(connection.client("ssm"), names).items()):
        if version == EMPTY_LEDGER or generation not in wanted:
            continue
        problem = _problem(connection, role, generation, version)
        if problem:
            otherwise.append(problem)
        else:
            as_told.append(f"{role}: {version.partition(':solution/')[2]}")
    return Serving(tuple(as_told), tuple(otherwise))


def _problem(connection: Connection, role: Role, generation: int, version: str) -> str | None:
    names, personalize = connection.settings.names, connection.client("personalize")
    try:
        campaign = personalize.describe_campaign(campaignArn=names.campaign_arn(role, generation))["campaign"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return f"the {role} campaign does not exist"
        raise
    if campaign["status"] != "ACTIVE":
        reason = campaign.get("failureReason", "no reason given")
        return f"the {role} campaign is {campaign['status']}, not ACTIVE: {reason}"
    if campaign["solutionVersionArn"] != version:
        return (
            f"the {role} campaign serves {campaign['solutionVersionArn']}, but its ledger"
            f" {names.ledger(role, generation)} says {version}. Deploy again; if it stays so, look at the campaign's"
            " latestCampaignUpdate"
        )
    return None
