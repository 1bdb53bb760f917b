"""How a refused value is shown."""

import json
import math

import pytest

from lambdas.shared.errors import PayloadError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 300, "x" * 100 + "..."),
        (None, None),
        (True, True),
        (3, 3),
        (10**400, "an integer of 1329 bits"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        ({"a": {"b": 1}}, "an object of 1 members"),
        ([1, 2], "a list of 2 elements"),
        (b"123", "3 bytes"),
        (object, "type"),
    ],
)
def test_values_are_shown_short_and_as_json(value, shown):
    """Whatever was refused, the answer about it is small and strict JSON."""
    content = PayloadError("field", value, "is wrong").as_json()

    assert {"field": "field", "value": shown, "message": "is wrong"} == json.loads(json.dumps(content, allow_nan=False))


def test_the_message_holds_no_value():
    """The text of the error may be logged: it names the field and the rule only."""
    assert "userId: must be a text" == str(PayloadError("userId", "secret", "must be a text"))
