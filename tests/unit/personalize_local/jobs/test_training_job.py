"""What a task of training says, as training reads it."""

from typing import Any

from personalize_local.jobs.tasks.tasks import DatasetContents, TrainingTask
from personalize_local.jobs.training_job import excluded_columns
from tests.personalize_world import INTERACTIONS as WORLD_INTERACTIONS
from tests.personalize_world import ITEMS as WORLD_ITEMS


def test_columns_are_left_out_by_name_by_omission_and_by_age() -> None:
    """Excluded columns, all but the included ones, and those that a replaced schema brought after the solution."""
    items = DatasetContents(dataset=2, bulk=[], schema=WORLD_ITEMS)
    cases: tuple[tuple[dict[str, Any], dict[str, Any], dict[str, Any]], ...] = (
        ({}, {}, {}),
        ({"excludedDatasetColumns": {"items": ["ITEM_VALUE"]}}, {}, {"ITEMS": ["ITEM_VALUE"]}),
        (
            {"includedDatasetColumns": {"ITEMS": ["animal_type"]}},
            {},
            {"ITEMS": ["ITEM_ID", "ITEM_VALUE", "CREATION_TIMESTAMP"]},
        ),
        (
            {"excludedDatasetColumns": {"ITEMS": ["ITEM_VALUE"]}},
            {"ITEMS": ["COLOUR"]},
            {"ITEMS": ["ITEM_VALUE", "COLOUR"]},
        ),
    )
    for config, added, expected in cases:
        task = TrainingTask(
            events="",
            interactions=DatasetContents(dataset=1, bulk=[], schema=WORLD_INTERACTIONS),
            items=items,
            event_type=None,
            solution_config={"trainingDataConfig": config},
            added=added,
            recipe="aws-sims",
            folder="",
        )
        assert expected == excluded_columns(task)
