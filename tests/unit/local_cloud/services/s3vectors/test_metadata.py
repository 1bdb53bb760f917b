"""What metadata may hold, to the byte."""

from typing import Any

import pytest

from local_cloud.services.s3vectors.metadata import MetadataError, checked
from tests.refusal import refusal

OVERHEAD = len('{"k":""}')


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"k": "x" * (2048 - OVERHEAD)}, ""),
        ({"k": "x" * (2049 - OVERHEAD)}, "filterable"),
        ({"k": "ö" * ((2048 - OVERHEAD) // 2 + 1)}, "filterable"),
        ({"note": "x" * (40 * 1024 - len('{"note":""}'))}, ""),
        ({"note": "x" * (40 * 1024 - len('{"note":""}') + 1)}, "at most 40960"),
        ({f"k{i}": True for i in range(50)}, ""),
        ({f"k{i}": True for i in range(51)}, "50 keys"),
        ({"k": ["a", 1, 2.5, False]}, ""),
        ({"k": [["a"]]}, "must be a string"),
        ({"k": float("nan")}, "must be a string"),
        ({"note": {"a": 1}}, "must be a string"),
        ("text", "must be an object"),
    ],
)
def test_limits(metadata: Any, told: str) -> None:
    """Sizes are bytes; keys that are not filterable count in the total alone."""
    said = refusal(MetadataError, checked, metadata, {"note"})
    assert told in said if told else said == ""
