"""boto3 clients of the delivery process: made once, shared by its threads, pointed at one endpoint."""

import threading
from typing import Any

import boto3
from botocore.config import Config

LONGEST_FUNCTION_SECONDS = 900

_KEY = "local"
"""The emulator takes any key; credentials of the environment must never reach it."""


class Clients:
    """Clients for one endpoint. They do not retry: each caller knows better what a failure means to it."""

    def __init__(self, endpoint: str, region: str = "us-east-1") -> None:
        self._endpoint = endpoint
        self._session = boto3.Session(aws_access_key_id=_KEY, aws_secret_access_key=_KEY, region_name=region)
        self._config = Config(
            connect_timeout=2,
            read_timeout=LONGEST_FUNCTION_SECONDS + 10,
            max_pool_connections=64,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        )
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(service, endpoint_url=self._endpoint, config=self._config)
            return self._clients[service]

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()
