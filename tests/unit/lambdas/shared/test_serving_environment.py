"""Environment variables of the functions that answer visitors."""

import pytest

from lambdas.shared.serving_environment import EnvironmentVariableError, ServingEnvironment

VARIABLES = {
    "CAMPAIGN_ARN": "arn:aws:personalize:us-east-1:000000000000:campaign/c",
    "POPULAR_BUCKET": "bucket",
    "POPULAR_KEY": "popular.json",
    "DEADLINE_MILLISECONDS": "1500",
    "BREED_SCRIPTS": "Latin,Greek",
    "ASLEEP_PARAMETER": "/asleep",
    "FILTER_ARNS": '{"cats": "arn:cats"}',
}


def test_they_are_values() -> None:
    """Seconds, scripts, a mapping."""
    read = ServingEnvironment.read(VARIABLES)
    assert (1.5, ("Latin", "Greek"), {"cats": "arn:cats"}) == (
        read.deadline_seconds,
        read.breeds.scripts,
        read.filter_arns,
    )
    assert ("bucket", "popular.json", "/asleep") == (read.popular_bucket, read.popular_key, read.asleep_parameter)


def test_what_may_be_missing() -> None:
    """Scripts, sleep and filters: an environment without them is told nothing of them."""
    optional = {"BREED_SCRIPTS", "ASLEEP_PARAMETER", "FILTER_ARNS"}
    read = ServingEnvironment.read({name: value for name, value in VARIABLES.items() if name not in optional})
    assert (("Latin",), "", {}) == (read.breeds.scripts, read.asleep_parameter, read.filter_arns)


@pytest.mark.parametrize("name", ["CAMPAIGN_ARN", "POPULAR_BUCKET", "POPULAR_KEY", "DEADLINE_MILLISECONDS"])
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_is_named(name: str, value: str | None) -> None:
    """Not by a traceback with a KeyError."""
    variables = {**VARIABLES, name: value} if value is not None else {k: v for k, v in VARIABLES.items() if k != name}
    with pytest.raises(EnvironmentVariableError, match=name):
        ServingEnvironment.read(variables)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEADLINE_MILLISECONDS", "soon"),
        ("DEADLINE_MILLISECONDS", "0"),
        ("DEADLINE_MILLISECONDS", "-5"),
        ("BREED_SCRIPTS", "Klingon"),
        ("FILTER_ARNS", "cats"),
        ("FILTER_ARNS", "[]"),
        ("FILTER_ARNS", '{"cats": 1}'),
    ],
)
def test_what_cannot_be_is_named(name: str, value: str) -> None:
    """With what it has to be."""
    with pytest.raises(EnvironmentVariableError, match=name):
        ServingEnvironment.read({**VARIABLES, name: value})
