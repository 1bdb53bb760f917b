"""What the functions that answer visitors are told by their environment, read once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from lambdas.shared.breeds import Breeds


class EnvironmentVariableError(ValueError):
    """An environment variable is missing or cannot be what it has to be; the message names it."""


@dataclass(frozen=True, slots=True)
class ServingEnvironment:
    """The environment variables of `recommend` and `rerank`, as values."""

    campaign_arn: str
    popular_bucket: str
    popular_key: str
    deadline_seconds: float
    breeds: Breeds
    asleep_parameter: str
    """Empty where the environment never sleeps."""
    filter_arns: Mapping[str, str]
    """By the name that requests say; empty for `rerank`, which has none."""

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """The values of the variables. Raises EnvironmentVariableError."""

        def needed(name: str) -> str:
            if not variables.get(name):
                raise EnvironmentVariableError(f"the environment variable {name} is missing")
            return variables[name]

        return cls(
            campaign_arn=needed("CAMPAIGN_ARN"),
            popular_bucket=needed("POPULAR_BUCKET"),
            popular_key=needed("POPULAR_KEY"),
            deadline_seconds=_milliseconds("DEADLINE_MILLISECONDS", needed("DEADLINE_MILLISECONDS")) / 1000,
            breeds=_breeds("BREED_SCRIPTS", variables.get("BREED_SCRIPTS", "Latin")),
            asleep_parameter=variables.get("ASLEEP_PARAMETER", ""),
            filter_arns=_texts("FILTER_ARNS", variables.get("FILTER_ARNS", "{}")),
        )


def _milliseconds(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise EnvironmentVariableError(f"the environment variable {name} must be a whole number above 0, not {value!r}")
    return int(value)


def _breeds(name: str, value: str) -> Breeds:
    try:
        return Breeds.named(value)
    except ValueError as error:
        raise EnvironmentVariableError(f"the environment variable {name}: {error}") from error


def _texts(name: str, value: str) -> dict[str, str]:
    try:
        found = json.loads(value)
    except ValueError as error:
        raise EnvironmentVariableError(f"the environment variable {name} must be JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise EnvironmentVariableError(f"the environment variable {name} must be a JSON object of texts")
    return found
