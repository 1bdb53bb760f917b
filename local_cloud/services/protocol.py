"""Requests and answers in the protocols `json` and `rest-json`, as a botocore service model describes them.

https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

import functools
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import botocore.session

from local_cloud.services.errors import FieldProblem, ServiceError
from local_cloud.services.shapes import problems, without_nulls

LARGEST_BODY = 20 * 1024 * 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html (request payload size)"""
_LOOKED_AT = 100
"""After so many problems no more are looked for: a request can have millions."""
_TOLD = 10
"""How many problems of a request a refusal names."""
_SURROGATE = re.compile("[\ud800-\udfff]")

Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes: an operation, and what its path says."""

    operation: str
    labels: Mapping[str, str]


class Api:
    """One service model: finds a request's operation, reads its parameters, writes its answer."""

    def __init__(self, name: str, invalid: str) -> None:
        self.name = name
        """The service model's name, e.g. `s3vectors`."""
        self.invalid = invalid
        """The service's name for a request that breaks its model."""

    @functools.cached_property
    def model(self) -> Any:
        return botocore.session.get_session().get_service_model(self.name)

    @functools.cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], str]]:
        """Longest first, so that a path's fixed end wins over a label that could hold it."""
        found = []
        for operation in self.model.operation_names:
            http = self.model.operation_model(operation).http
            parts = re.split(r"\{(\w+)\}", http["requestUri"])
            pattern = "".join(
                re.escape(part) if place % 2 == 0 else f"(?P<{part}>.+)" for place, part in enumerate(parts)
            )
            found.append((http["method"], re.compile(pattern, re.DOTALL), operation))
        return sorted(found, key=lambda one: len(one[1].pattern), reverse=True)

    def route(self, method: str, path: str, headers: Mapping[str, str]) -> Route | None:
        """The operation that a request asks for, or None."""
        if self.model.metadata["protocol"] == "json":
            prefix, _, operation = headers.get("x-amz-target", "").rpartition(".")
            known = prefix == self.model.metadata["targetPrefix"] and operation in self.model.operation_names
            return Route(operation, {}) if known else None
        for wanted, pattern, operation in self._routes:
            found = pattern.fullmatch(path) if method == wanted else None
            if found:
                return Route(operation, {name: unquote(value) for name, value in found.groupdict().items()})
        return None

    def read(self, route: Route, query: Query, body: bytes) -> dict[str, Any]:
        """The parameters of a request. Raises ServiceError where they break the model."""
        shape = self.model.operation_model(route.operation).input_shape
        given = self._body(body)
        at = {name: (m.serialization.get("location"), m.serialization.get("name", name), m)
              for name, m in shape.members.items()}  # fmt: skip
        found = [
            FieldProblem(f"/{name}", f"Unknown parameter at '/{name}'")
            for name in given
            if at.get(name, (None,))[0] is not None
        ]
        queried = {wire: (name, member) for name, (place, wire, member) in at.items() if place == "querystring"}
        for name, (place, wire, _) in at.items():
            if place == "uri":
                given[name] = route.labels[wire]
        for wire, values in query.items():
            if wire not in queried:
                found.append(FieldProblem(f"/{wire}", f"Unknown parameter at '/{wire}'"))
                continue
            name, member = queried[wire]
            several = [str(value) for value in (values if isinstance(values, list) else [values])]
            given[name] = several if member.type_name == "list" else several[0]
        self._refuse(found)
        return self.check(route.operation, given)

    def check(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters without members that are null. Raises ServiceError where they break the model."""
        shape = self.model.operation_model(operation).input_shape
        self._refuse(list(itertools.islice(problems(shape, given), _LOOKED_AT)))
        parameters: dict[str, Any] = without_nulls(shape, given)
        return parameters

    def _refuse(self, found: list[FieldProblem]) -> None:
        """Raises the service's own error when there are problems."""
        if not found:
            return
        noun = "validation error" if len(found) == 1 else "validation errors"
        told = "; ".join(problem.message[:400] for problem in found[:_TOLD])
        raise ServiceError(self.invalid, f"{len(found)} {noun} detected: {told}", fields=tuple(found[:_TOLD]))

    def answer(self, operation: str, result: Mapping[str, Any]) -> bytes:
        """The body of an answer; raises ValueError for one that the model does not allow."""
        shape = self.model.operation_model(operation).output_shape
        wrong = list(problems(shape, result)) if shape is not None else []
        if wrong or (shape is None and result):
            raise ValueError(f"{operation} answered what its model does not allow: {wrong[:_TOLD] or result}")
        return json.dumps(result).encode() if shape is not None else b""

    def _body(self, body: bytes) -> dict[str, Any]:
        if len(body) > LARGEST_BODY:
            self._refuse([FieldProblem("/", f"The request is larger than {LARGEST_BODY} bytes")])
        try:
            content = json.loads(body, parse_constant=_not_json) if body else {}
            if b"\\ud" in body.lower() and any(_SURROGATE.search(text) for text in _texts(content)):
                raise ValueError("a text holds half a character")
        except (ValueError, RecursionError) as error:
            raise ServiceError("SerializationException", f"The request is no JSON: {str(error)[:200]}") from error
        if not isinstance(content, dict):
            raise ServiceError("SerializationException", "The request is no JSON object")
        return content


def _not_json(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _texts(content: Any) -> Iterator[str]:
    waiting = [content]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting.extend((*one.keys(), *one.values()))
        elif isinstance(one, list):
            waiting.extend(one)
