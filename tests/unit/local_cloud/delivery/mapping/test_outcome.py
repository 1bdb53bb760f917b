"""What a partial batch response means."""

import json
from typing import Any

import pytest

from local_cloud.delivery.mapping.outcome import first_failure
from tests.unit.local_cloud.delivery.fakes import record

BATCH = [record(number) for number in (10, 20, 30)]


@pytest.mark.parametrize(
    "response",
    [b"", b"null", b"{}", b'{"batchItemFailures": []}', b'{"batchItemFailures": null}'],
)
def test_documented_successes(response: bytes) -> None:
    """Empty and null, of the response and of the list, mean that the whole batch is done."""
    assert first_failure(response, BATCH) is None


@pytest.mark.parametrize(
    "item",
    [{"itemIdentifier": ""}, {"itemIdentifier": None}, {"identifier": "20"}, {"itemIdentifier": 20}, "20"],
)
def test_documented_complete_failures(item: Any) -> None:
    """An item without a usable identifier makes the whole batch fail, whatever else is reported."""
    response = json.dumps({"batchItemFailures": [{"itemIdentifier": "30"}, item]}).encode()
    assert 0 == first_failure(response, BATCH)


@pytest.mark.parametrize("response", [b'"done"', b"[]", b"not json", b'{"batchItemFailures": "20"}'])
def test_what_is_no_response_is_a_failure(response: bytes) -> None:
    """Where AWS is silent, nothing is lost."""
    assert 0 == first_failure(response, BATCH)


def test_identifier_of_another_batch_is_a_failure() -> None:
    """A sequence number that was not sent tells nothing about those that were."""
    assert 0 == first_failure(b'{"batchItemFailures": [{"itemIdentifier": "99"}]}', BATCH)


def test_lowest_reported_record_counts() -> None:
    """The order of the list does not matter."""
    response = b'{"batchItemFailures": [{"itemIdentifier": "30"}, {"itemIdentifier": "20"}]}'
    assert 1 == first_failure(response, BATCH)
