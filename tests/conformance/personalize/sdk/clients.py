"""Three unmodified clients of AWS that take the scenario, pointed at the server by environment variables alone."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.exceptions import ClientError

from tests.conformance.personalize.sdk.scenario import RefusedError, Scenario

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
AWS_CLI = ROOT / ".venv-awscli" / "bin" / "python"


def environment(endpoint: str) -> dict[str, str]:
    """What an application is started with so that its SDK finds the server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    apis = ("PERSONALIZE", "PERSONALIZE_EVENTS", "PERSONALIZE_RUNTIME")
    return {
        **kept,
        **{f"AWS_ENDPOINT_URL_{api}": endpoint for api in apis},
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class Boto3:
    """The AWS SDK for Python."""

    def __init__(self, endpoint: str) -> None:
        self._clients = {
            api: boto3.client(
                api,
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id="any",
                aws_secret_access_key="any",
            )
            for api in ("personalize", "personalize-events", "personalize-runtime")
        }

    def call(self, api: str, operation: str, request: Mapping[str, Any]) -> Any:
        try:
            return getattr(self._clients[api], _snake(operation))(**request)
        except ClientError as error:
            raise RefusedError(error.response["Error"]["Code"]) from None


class Cli:
    """The AWS command line, every command in one process: starting it anew takes longer than all that it does."""

    def __init__(self, endpoint: str) -> None:
        self._process = subprocess.Popen(
            [str(AWS_CLI), str(HERE / "cli" / "commands.py")],
            env=environment(endpoint),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """End the process."""
        self._process.communicate()

    def call(self, api: str, operation: str, request: Mapping[str, Any]) -> Any:
        command = [api, _snake(operation).replace("_", "-"), "--output", "json"]
        code, output, errors = self._run([*command, "--cli-input-json", json.dumps(request)])
        if code == 0:
            return json.loads(output or "{}")
        refusal = re.search(r"An error occurred \((\w+)\)", errors)
        if refusal is None:
            raise RuntimeError(f"{' '.join(command[:2])}: {errors}")
        raise RefusedError(refusal[1])

    def _run(self, command: list[str]) -> tuple[int, str, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        code, output, errors = json.loads(self._process.stdout.readline())
        return code, output, errors


def boto3_scenario(endpoint: str) -> None:
    """The scenario with boto3."""
    Scenario(Boto3(endpoint)).run()


def cli_scenario(endpoint: str) -> None:
    """The scenario with the AWS CLI."""
    with Cli(endpoint) as client:
        Scenario(client).run()


def javascript_scenario(endpoint: str) -> None:
    """The scenario with the AWS SDK for JavaScript."""
    subprocess.run(["node", str(HERE / "javascript" / "scenario.mjs")], env=environment(endpoint), check=True)


SCENARIOS: Mapping[str, Callable[[str], None]] = {
    "boto3": boto3_scenario,
    "cli": cli_scenario,
    "javascript": javascript_scenario,
}
