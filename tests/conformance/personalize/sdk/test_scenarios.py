"""The scenario from schema to recommendations to nothing, with three clients of AWS as they are published."""

from pathlib import Path

import pytest

from personalize_local.testing import LocalPersonalize
from tests.conformance.personalize.sdk.clients import SCENARIOS
from tests.conformance.personalize.sdk.scenario import seed


@pytest.mark.parametrize("client", SCENARIOS)
@pytest.mark.timeout(600)
def test_from_schema_to_recommendations_to_nothing(client: str, tmp_path: Path) -> None:
    """Each client makes, uses and deletes everything. `make test` installs them before the tests begin."""
    with LocalPersonalize(tmp_path) as server:
        seed(server.s3_root)
        SCENARIOS[client](server.endpoint)
        left = server.client("personalize")
        assert [] == left.list_dataset_groups()["datasetGroups"] + left.list_schemas()["schemas"]
