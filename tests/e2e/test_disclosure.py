"""The search for what logs must not hold finds it, and nothing else."""

import base64
import json

import pytest

from tests.e2e.disclosure import disclosed

EVENT = {"userId": "101236", "sessionId": "s-4ce155190712edeb", "eventId": "b42b5138595ecb77", "eventType": "Favorite"}
RECORD = json.dumps(EVENT).encode()
MALFORMED = b'{"userId": 5, "eventType": "no end'


@pytest.mark.parametrize(
    "line",
    [
        "asked for user 101236",
        '{"user": "101236"}',
        "visitor-101236",
        "session s-4ce155190712edeb ended",
        "['b42b5138595ecb77']",
        f"read {MALFORMED!r}",
        json.dumps({"record": MALFORMED.decode()}),
        json.dumps({"Records": [{"data": base64.b64encode(MALFORMED + b"\n").decode()}]}),
        "GET http://127.0.0.1:1/bucket/key?X-Amz-Credential=c&X-Amz-Signature=0f",
        "GET http://127.0.0.1:1/bucket/key?AWSAccessKeyId=a&Signature=0f",
    ],
)
def test_what_a_line_tells_is_found(line: str) -> None:
    """An identifier by itself, a record in each of its forms, a signed address."""
    assert [] != disclosed(f"START\n{line}\nEND\n", [RECORD, MALFORMED])


@pytest.mark.parametrize(
    "line",
    [
        '{"message": "batch forwarded", "records": 500, "failed": {}, "refused": {"sessionId": 1, "userId": 2}}',
        "took 0.101236 s, sequence number 49659101236000",
        "eventType Favorite is not known",
    ],
)
def test_counts_and_names_of_members_tell_nothing(line: str) -> None:
    """Which member was wrong may be said, and a number may hold some user's digits."""
    assert [] == disclosed(line, [RECORD, MALFORMED])
