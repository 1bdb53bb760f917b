"""The change of event ids from the site's own to digests: when it takes place is kept in one SSM parameter.

An environment that never had the site's own ids says `none`. One that had goes through two steps, so that no event is
sent under both: the new forwarder is deployed while the parameter says `pending`, and sends the old ids; then, when no
old forwarder runs any more, the moment is fixed a little ahead, and each process reads it before it comes
(`lambdas/forward_events/change_of_ids.py`). A moment is never changed.
"""

import time
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.shared.event_ids import PENDING
from tools.environment.connection import Connection

AHEAD_SECONDS = 15
"""Longer than a process of the forwarder takes to read again (5 s) and the longest that a call takes (4 s)."""


def prepare(connection: Connection, value: str) -> None:
    """Makes the parameter with this value where it does not stand."""
    try:
        connection.client("ssm").put_parameter(
            Name=connection.settings.names.event_ids_parameter,
            Value=value,
            Type="String",
            Overwrite=False,
            Description="Arrival in epoch seconds from which on event ids are digests; `none`: always",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ParameterAlreadyExists", "ParameterAlreadyExistsException"):
            raise


def fix(connection: Connection) -> str:
    """Names the moment where the parameter says `pending`; returns what it says in the end."""
    ssm, name = connection.client("ssm"), connection.settings.names.event_ids_parameter
    answer = ssm.get_parameter(Name=name)
    said = str(answer["Parameter"]["Value"])
    if said != PENDING:
        return said
    moment = str(int(_now(answer)) + AHEAD_SECONDS)
    ssm.put_parameter(Name=name, Value=moment, Type="String", Overwrite=True)
    return moment


def read(ssm: Any, name: str) -> str:
    """What the parameter says; `pending` where it does not stand: no forwarder there makes digests."""
    try:
        return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return PENDING


def _now(answer: dict[str, Any]) -> float:
    """The service's own time: that of the computer that deploys may be wrong, and arrivals are the service's."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return time.time() if date is None else parsedate_to_datetime(date).timestamp()
