"""What every test may rely on."""

import functools
import gc
import os
import signal
from typing import Any

from botocore.loaders import JSONFileLoader, Loader
from hypothesis import HealthCheck, settings

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

# Each session of the SDK looks for its services and parses their models again: a quarter of the time of a test that makes
# clients. What is in the SDK's own files does not change during a run.
_load_file, _list_services = JSONFileLoader.load_file, Loader.list_available_services


@functools.cache
def _parsed(path: str) -> Any:
    return _load_file(JSONFileLoader(), path)


@functools.cache
def _services(kind: str, folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_list_services(Loader(list(folders), include_default_search_paths=False), kind))


def _load_file_once(self: Any, path: str) -> Any:
    return _parsed(path) if path.startswith(Loader.BUILTIN_DATA_PATH) else _load_file(self, path)


def _list_services_once(self: Any, type_name: str) -> list[str]:
    return list(_services(type_name, tuple(self.search_paths)))


JSONFileLoader.load_file = _load_file_once
Loader.list_available_services = _list_services_once


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
