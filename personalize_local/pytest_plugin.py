"""Pytest fixtures: Amazon Personalize in the tests' own process, on a free port, with its data in a temporary folder.

Loaded by the entry point `pytest11` wherever the distribution `personalize-local` is installed.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from personalize_local.testing import LocalPersonalize


@pytest.fixture
def personalize_local(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[LocalPersonalize]":
    """A new server for each test: `personalize_local.client("personalize")`."""
    yield from _served(tmp_path_factory)


@pytest.fixture(scope="session")
def personalize_local_session(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[LocalPersonalize]":
    """One server for all tests of the session, for what is trained once."""
    yield from _served(tmp_path_factory)


def _served(folders: pytest.TempPathFactory) -> "Iterator[LocalPersonalize]":
    # Not at the top: whoever has the plugin installed and does not use it should not wait for numpy.
    from personalize_local.testing import LocalPersonalize

    with LocalPersonalize(folders.mktemp("personalize-local")) as server:
        yield server
