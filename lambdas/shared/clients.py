"""The AWS clients of the handlers, each made once, when the function starts.

Connections stay open and are shared by all threads. Parameters are checked by this project's own readers before they
get here, so the SDK does not check them again.
"""

from typing import Any

import boto3
import botocore
from botocore.config import Config

USER_AGENT = f"animal-recommender Boto3/{boto3.__version__} Botocore/{botocore.__version__}"
"""Fixed, because the SDK builds its own anew for each call, in an eighth of the call's processor time."""


def events_client(connections: int) -> Any:
    """For PutEvents: `connections` in parallel, one attempt a call (`attempts.py` decides about the next)."""
    return _client("personalize-events", connections, connect_seconds=1.0, read_seconds=4.0)


def runtime_client(deadline_seconds: float) -> Any:
    """For GetRecommendations and GetPersonalizedRanking: no answer later than the deadline is waited for."""
    return _client("personalize-runtime", 10, connect_seconds=deadline_seconds, read_seconds=deadline_seconds)


def s3_client(connections: int) -> Any:
    """For small objects."""
    return _client("s3", connections, connect_seconds=1.0, read_seconds=3.0)


def sqs_client() -> Any:
    """For the quarantine's queue."""
    return _client("sqs", 10, connect_seconds=1.0, read_seconds=3.0)


def ssm_client() -> Any:
    """For one parameter."""
    return _client("ssm", 1, connect_seconds=1.0, read_seconds=3.0)


def _client(service: str, connections: int, *, connect_seconds: float, read_seconds: float) -> Any:
    return boto3.client(
        service,
        config=Config(
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            max_pool_connections=connections,
            retries={"mode": "standard", "total_max_attempts": 1},
            tcp_keepalive=True,
            parameter_validation=False,
            user_agent=USER_AGENT,
        ),
    )
