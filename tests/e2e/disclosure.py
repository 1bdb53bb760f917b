"""What logs must not hold: who visited, what they did, and addresses that open a bucket to whoever reads them."""

import base64
import json
import re
from collections.abc import Iterable

_IDENTIFIERS = ("userId", "sessionId", "eventId")
_WORD = re.compile(r"(?<!\w)(?<!\d\.)\w+")
"""A number's decimals are no word: a duration may show the digits of some user."""
_SIGNATURE = re.compile(r"X-Amz-Signature=|[?&]Signature=")
_SHORTEST_USER, _SURELY_A_BODY = 5, 20


def disclosed(log: str, records: Iterable[bytes]) -> list[str]:
    """What of these records of the stream a log tells, and of signed addresses; values count, member names do not.

    Looks for the identifiers of visitors, sessions and events, and for whole records: as they are, as text inside JSON,
    and in base64 as Kinesis hands them to a function.
    """
    words = set(_WORD.findall(log))
    found = set(_SIGNATURE.findall(log))
    for record in records:
        found.update(name for name in identifiers(record) if name in words or ("-" in name and name in log))
        text = record.decode(errors="replace")
        if len(text) >= _SURELY_A_BODY:
            # The last two bytes share their base64 with what follows the record.
            encoded = base64.b64encode(record[: len(record) // 3 * 3]).decode()
            found.update(form for form in (text, json.dumps(text)[1:-1], encoded) if form in log)
    return sorted(found)


def identifiers(record: bytes) -> set[str]:
    """The values by which a record says who and what it is; none where it is no JSON object."""
    try:
        event = json.loads(record)
    except ValueError:
        return set()
    values = (event.get(name) for name in _IDENTIFIERS) if isinstance(event, dict) else ()
    return {value for value in values if isinstance(value, str) and len(value) >= _SHORTEST_USER}
