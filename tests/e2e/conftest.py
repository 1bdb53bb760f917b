"""What tests that deploy share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder in which the checkouts of a run keep what they synthesized, whichever of its processes they are in."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "synthesized"
    folder.mkdir(exist_ok=True)
    return folder
