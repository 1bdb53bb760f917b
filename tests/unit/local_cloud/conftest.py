"""MiniStack inside the test's own process, with our parts installed into it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud.common.state import REPOSITORY
from local_cloud.emulator import host

PACKAGES = REPOSITORY / ".venv-emulator" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
AWAY = "http://127.0.0.1:9"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state folder of an emulator that is installed but does not serve.

    MiniStack comes from the emulator's environment, behind this environment's packages; its settings are in the
    environment variables only while it is imported.
    """
    state = tmp_path_factory.mktemp("emulator")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(PACKAGES)])
        with pytest.MonkeyPatch.context() as settings:
            settings.setattr(os, "environ", os.environ.copy())
            host.configure(port=1, personalize=AWAY, state=state, wait_scale=0.0)
            host.install(personalize=AWAY, state=state)
        yield state
