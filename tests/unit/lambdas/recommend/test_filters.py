"""The filter of a request."""

import pytest

from lambdas.recommend.filters import filter_parameters
from lambdas.shared.errors import PayloadError

ARNS = {"cats": "arn:cats", "breeds": "arn:breeds"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {}),
        ("cats", {"filterArn": "arn:cats"}),
        ({"name": "cats"}, {"filterArn": "arn:cats"}),
        ({"name": "cats", "values": None}, {"filterArn": "arn:cats"}),
        (
            {"name": "breeds", "values": {"BREED": ["Beagle", "domestic short hair"], "SIZE": 3}},
            {"filterArn": "arn:breeds", "filterValues": {"BREED": '"Beagle","domestic short hair"', "SIZE": '"3"'}},
        ),
    ],
)
def test_d33_a_filter_by_name(given, expected):
    """The name becomes the ARN, values are quoted as the API wants them."""
    assert expected == filter_parameters(given, ARNS)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ("rabbits", "filters.name"),
        ({}, "filters.name"),
        ({"name": 5}, "filters.name"),
        ([], "filters"),
        ({"name": "cats", "values": []}, "filters.values"),
        ({"name": "cats", "values": 5}, "filters.values"),
        ({"name": "cats", "values": {"a b": "x"}}, "filters.values"),
        ({"name": "cats", "values": {f"A{n}": "x" for n in range(26)}}, "filters.values"),
        ({"name": "cats", "values": {"A": []}}, "filters.values.A"),
        ({"name": "cats", "values": {"A": ['x" OR "y']}}, "filters.values.A"),
        ({"name": "cats", "values": {"A": ["x" * 500] * 3}}, "filters.values.A"),
        ({"name": "cats", "values": {"A": {}}}, "filters.values.A"),
    ],
)
def test_filters_that_cannot_be_are_named(given, field):
    """An unknown name lists what there is; a value cannot break out of its quotes."""
    with pytest.raises(PayloadError) as refused:
        filter_parameters(given, ARNS)

    assert field == refused.value.field


def test_an_unknown_filter_says_which_there_are():
    """The caller can correct the name."""
    with pytest.raises(PayloadError, match="there are: breeds, cats"):
        filter_parameters("rabbits", ARNS)
