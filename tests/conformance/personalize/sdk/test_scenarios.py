"""The scenario from schema to recommendations to nothing, with three clients of AWS as they are published."""

import subprocess
from pathlib import Path

import pytest

from local.personalize.testing import LocalPersonalize
from tests.conformance.personalize.sdk.clients import ROOT, SCENARIOS
from tests.conformance.personalize.sdk.scenario import seed


@pytest.mark.parametrize("client", SCENARIOS)
@pytest.mark.xdist_group("sdk-clients")
@pytest.mark.timeout(600)
def test_from_schema_to_recommendations_to_nothing(client: str, tmp_path: Path) -> None:
    """Each client makes, uses and deletes everything; it is installed first where it is not."""
    if client != "boto3":  # which these tests are run with anyway
        subprocess.run(["make", "--silent", f"sdk-{client}-client"], cwd=ROOT, check=True)
    with LocalPersonalize(tmp_path) as server:
        seed(server.s3_root)
        SCENARIOS[client](server.endpoint)
