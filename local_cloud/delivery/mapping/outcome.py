"""What came of one invocation for a batch.

Rules for partial batch responses (https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html):
an empty or null response or list is a success; an item without a usable identifier makes the whole batch a failure;
else everything from the lowest failed sequence number on is tried again. Where the page is silent (a response that is
no object, an identifier that is not of the batch) the batch counts as failed, so that nothing is lost.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud.delivery.streams.records import Record


@dataclass(frozen=True, slots=True)
class Delivered:
    """The function dealt with the whole batch."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The function ran and failed from the record at index `first` on; 0 is the whole batch.

    `function_error` is what the invocation's header said, None when the function itself reported the items.
    """

    first: int
    function_error: str | None
    executed_version: str
    request_id: str


@dataclass(frozen=True, slots=True)
class NotInvoked:
    """The function did not run (throttled, missing, service unreachable): not an attempt of the batch."""

    reason: str


Outcome = Delivered | Failed | NotInvoked


def first_failure(response: bytes, records: Sequence[Record]) -> int | None:
    """Index of the first record to try again according to a partial batch response, None when there is none."""
    try:
        answer = json.loads(response) if response.strip() else None
    except ValueError:
        return 0
    if answer is None:
        return None
    if not isinstance(answer, dict):
        return 0
    failures = answer.get("batchItemFailures")
    if failures is None or failures == []:
        return None
    if not isinstance(failures, list):
        return 0
    index = {record.sequence_number: position for position, record in enumerate(records)}
    # One identifier that means nothing makes the whole batch a failure: position 0.
    return min(index.get(_identifier(failure) or "", 0) for failure in failures)


def _identifier(failure: Any) -> str | None:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    return identifier if isinstance(identifier, str) else None
