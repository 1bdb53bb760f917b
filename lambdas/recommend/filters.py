"""The filter of a request: its name, and values for a filter with parameters."""

import re
from collections.abc import Mapping
from typing import Any

from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import members, text
from lambdas.shared.names import Names
from lambdas.shared.visitor import scalar_text

MOST_VALUES = 25
LONGEST_VALUE = 1000
_MEMBERS = Names("name", "values")
_PARAMETER = re.compile(r"[A-Za-z0-9_]{1,50}", re.ASCII)


def filter_parameters(given: object, arns: Mapping[str, str]) -> dict[str, Any]:
    """The filter part of GetRecommendations for `"name"` or `{"name", "values": {parameter: value or list}}`.

    Values are quoted here, as the API wants them: `["Beagle", "Pug"]` becomes `"Beagle","Pug"`.
    """
    if given is None:
        return {}
    request = {"name": given} if isinstance(given, str) else members(given, "filters")
    _MEMBERS.check(request, "filters")
    name = text(request.get("name"), "filters.name")
    if name not in arns:
        there = ", ".join(sorted(arns)) or "none"
        raise PayloadError("filters.name", name, f"is no filter of this environment; there are: {there}")
    values = {} if (given_values := request.get("values")) is None else members(given_values, "filters.values")
    if len(values) > MOST_VALUES:
        raise PayloadError("filters.values", values, f"must have at most {MOST_VALUES} members, has {len(values)}")
    parameters: dict[str, Any] = {"filterArn": arns[name]}
    if values:
        parameters["filterValues"] = {_parameter(key): _quoted(value, key) for key, value in values.items()}
    return parameters


def _parameter(name: object) -> str:
    if not isinstance(name, str) or not _PARAMETER.fullmatch(name):
        raise PayloadError("filters.values", name, "names are 1 to 50 letters, digits and underscores")
    return name


def _quoted(value: object, name: str) -> str:
    field = f"filters.values.{name}"
    several = value if isinstance(value, list) else [value]
    parts = [scalar_text(part, field) for part in several]
    if not parts or any('"' in part for part in parts):
        raise PayloadError(field, value, "must be one or more values without quotation marks")
    result = ",".join(f'"{part}"' for part in parts)
    if len(result) > LONGEST_VALUE:
        raise PayloadError(field, value, f"must have at most {LONGEST_VALUE} characters together")
    return result
