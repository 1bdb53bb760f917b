"""Filters on a server: their limits, and who may be asked with them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.personalize.conftest import Trained
from tests.personalize_world import INTERACTIONS, World, schema


def _refused(call: Any, code: str, match: str, **request: Any) -> None:
    with pytest.raises(ClientError, match=match) as caught:
        call(**request)
    assert code == caught.value.response["Error"]["Code"]


def test_a_group_has_20_distinct_fields(world: World) -> None:
    """The filters of a group may use 20 columns together, one used twice counts once; a deleted filter's are free."""
    columns = [{"name": f"F{number}", "type": "float"} for number in range(21)]
    group = world.group()
    world.dataset(group, "Interactions", INTERACTIONS)
    world.dataset(group, "Items", schema("Items", {"name": "ITEM_ID", "type": "string"}, *columns))

    def expression(numbers: range) -> str:
        return "INCLUDE ItemID WHERE " + " AND ".join(f"Items.F{number} > 0" for number in numbers)

    world.filter(group, "first", expression(range(10)))
    second = world.filter(group, "second", expression(range(10, 20)))
    world.filter(group, "again", expression(range(5, 15)))
    more = {"name": "more", "datasetGroupArn": group, "filterExpression": expression(range(20, 21))}
    _refused(world.control.create_filter, "LimitExceededException", "20 distinct fields, not 21", **more)
    world.control.delete_filter(filterArn=second)
    world.filter(group, "more", expression(range(20, 21)))


def test_errors_point_into_the_text(trained: Trained) -> None:
    """CreateFilter says at which column of the text the expression is wrong."""
    _refused(
        trained.world.control.create_filter,
        "InvalidInputException",
        "column 39: unexpected",
        name="wrong",
        datasetGroupArn=trained.group,
        filterExpression="INCLUDE ItemID WHERE Items.ITEM_VALUE LIKE 1",
    )


def test_the_current_item_must_be_asked_about(trained: Trained) -> None:
    """A filter that reads CurrentItem needs an itemId in the request."""
    arn = trained.world.filter(
        trained.group, "cheaper", "INCLUDE ItemID WHERE Items.ITEM_VALUE < CurrentItem.ITEM_VALUE"
    )
    _refused(
        trained.world.runtime.get_recommendations,
        "InvalidInputException",
        "itemId is required",
        campaignArn=trained.recommendation,
        userId="u1",
        filterArn=arn,
    )
