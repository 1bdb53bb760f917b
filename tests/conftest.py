"""What every test may rely on."""

import gc
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import sdk_once

# How long an example takes says how busy the machine is.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

# Whoever runs the tests may be signed in to an account of AWS: no test finds it, nor asks the computer for a role.
for name in (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
):
    os.environ.pop(name, None)
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

# A shell without job control starts background commands with SIGINT ignored, and what is ignored is inherited: the
# programs that tests interrupt would never hear of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

sdk_once.install()


TESTS = Path(__file__).resolve().parent
NOT_MEASURED = tuple(TESTS / name for name in ("e2e", "faults", "statemachines"))
"""Folders whose tests do their work in other processes, or in an interpreter of their own. Tracing it takes two thirds of
their time again, and would count lines as tested that no test of their own looks at."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coverage is measured where tests look at the code that it is measured of."""
    for item in items:
        if item.path.is_relative_to(TESTS) and any(item.path.is_relative_to(folder) for folder in NOT_MEASURED):
            item.add_marker(pytest.mark.no_cover)


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
