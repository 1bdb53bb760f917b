"""Where batch jobs read and write."""

import pytest

from personalize_local.model.errors import ServiceError
from personalize_local.operations.batch import _check_places
from tests.refusal import refusal


@pytest.mark.parametrize(
    ("given", "answers"),
    [
        ("s3://b/in/", "s3://b/in/"),
        ("s3://b/in/", "s3://b//in/"),
        ("s3://b//in/", "s3://b/in/out/"),
        ("s3://b/in/", "s3://b/in//out/"),
        ("s3://b/in", "s3://b/in-out/"),
        ("s3://b", "s3://b/out/"),
    ],
)
def test_answers_never_become_input(given: str, answers: str) -> None:
    """Where buckets are folders, a doubled slash is one slash."""
    with pytest.raises(ServiceError, match="would be input"):
        _check_places(given, answers)


@pytest.mark.parametrize(
    ("given", "answers"), [("s3://b/in/", "s3://b/out/"), ("s3://b/in/users.json", "s3://b/in/"), ("s3://a", "s3://b")]
)
def test_other_places_will_do(given: str, answers: str) -> None:
    """Beside the input, also in its own folder where the input is one file."""
    assert "" == refusal(ServiceError, _check_places, given, answers)
