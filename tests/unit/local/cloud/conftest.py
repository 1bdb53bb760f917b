"""MiniStack inside the test's own process, with our parts installed into it."""

import sys

import pytest

from local.cloud.state import REPOSITORY

PACKAGES = REPOSITORY / ".venv-emulator" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory):
    """The state folder of an emulator that is installed but does not serve.

    MiniStack comes from the emulator's environment, behind this environment's packages; its settings are in the
    environment variables only while it is imported.
    """
    state = tmp_path_factory.mktemp("emulator")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(PACKAGES)])
        import os

        patch.setattr(os, "environ", os.environ.copy())
        from local.cloud import emulator as host

        host.configure(port=1, personalize="http://127.0.0.1:9", state=state, wait_scale=0.0)
        host.install(personalize="http://127.0.0.1:9", state=state)
    return state
