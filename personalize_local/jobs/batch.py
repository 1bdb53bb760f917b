"""Batch inference jobs: questions in JSON Lines, answers beside them in files of the same name with `.out`.

Source: developer guide, "Preparing input data for batch recommendations" and "Batch recommendations output". The
input address is a plain prefix, as the guide says: `folder` is also the beginning of `folder_test`.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from personalize_local.data.objects import ObjectError, Objects, folder_of
from personalize_local.engine.ranking.batch_scoring import batch_size
from personalize_local.jobs.tasks.tasks import BatchTask
from personalize_local.model.errors import ServiceError
from personalize_local.model.validation import Json
from personalize_local.serving.loaded_versions import LoadedVersion
from personalize_local.serving.runtime_api import RuntimeApi

_RESULTS = 25
_ANSWERED = ".out"


class BatchError(Exception):
    """Why a batch job ends in CREATE FAILED: its `failureReason`."""


def infer(runtime: RuntimeApi, version: LoadedVersion, objects: Objects, task: BatchTask) -> int:
    """Answer every line below the input address; returns how many lines there were.

    A line that cannot be answered has its reason in `error`, and the others their answers.
    """
    lines, size = 0, batch_size(len(version.snapshot.items))
    for name, content in inputs(objects, task):
        given = json_lines(content)
        answers = []
        for begin in range(0, len(given), size):
            some = given[begin : begin + size]
            runtime.scores.prepare(version, _users(some))
            answers += [_answered(runtime, version, line, task) for line in some]
        lines += len(answers)
        write(objects, task.output, name, answers)
    return lines


def inputs(objects: Objects, task: BatchTask) -> Iterator[tuple[str, str]]:
    """Name and text of each input file."""
    # An input file may lie in the output's folder; what an earlier job has answered there is no input.
    answered_there = task.input.startswith(folder_of(task.output))
    names: list[str] = []
    try:
        for name, content in objects.find(task.input):
            if answered_there and name.endswith(_ANSWERED) and name.removesuffix(_ANSWERED) in names:
                continue
            names.append(name)
            if len(names) > task.most_files:
                raise BatchError(f"A batch job can read {task.most_files} files.")
            if len(content) > task.most_bytes:
                raise BatchError(f"{name} has more than {task.most_bytes} bytes.")
            if content.count(b"\n") > task.most_lines:
                raise BatchError(f"{name} has more than {task.most_lines} lines.")
            try:
                yield name, content.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise BatchError(f"{name} is not UTF-8: {error}") from error
    except ObjectError as error:
        raise BatchError(str(error)) from error


def json_lines(text: str) -> list[str]:
    """The lines of a JSON Lines file that are not blank, without their ends.

    Only a newline ends a line (https://jsonlines.org, "Line terminator is '\\n'"; a `\\r` before it is white space):
    U+2028, U+0085 and others that Python's `splitlines` knows are allowed in a JSON string.
    """
    stripped = (line.strip(" \t\r") for line in text.split("\n"))
    return [line for line in stripped if line]


def write(objects: Objects, location: str, name: str, answers: list[Json]) -> None:
    """Store the answers to an input file."""
    text = "".join(json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n" for answer in answers)
    try:
        objects.write(f"{folder_of(location)}{name}{_ANSWERED}", text.encode())
    except ObjectError as error:
        raise BatchError(str(error)) from error


def parsed(line: str) -> Json:
    """The object on a line, or ServiceError."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ServiceError("InvalidInputException", "The line is no JSON object.")
    return value


def _users(lines: Sequence[str]) -> list[str]:
    """The users that lines ask for; lines that cannot be read are answered with their error later."""
    users = []
    for line in lines:
        with contextlib.suppress(ServiceError):
            if user := _text(parsed(line), "userId"):
                users.append(user)
    return users


def _answered(runtime: RuntimeApi, version: LoadedVersion, line: str, task: BatchTask) -> Json:
    given: Any = line
    try:
        given = parsed(line)
        return {"input": given, "output": _output(runtime, version, given, task), "error": None}
    except ServiceError as error:
        return {"input": given, "output": None, "error": error.message}


def _output(runtime: RuntimeApi, version: LoadedVersion, given: Json, task: BatchTask) -> Json:
    request: Json = {"numResults": task.num_results or _RESULTS, "userId": _text(given, "userId")}
    if task.filter:
        values = given.get("filterValues", {})
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise ServiceError("InvalidInputException", "filterValues must be an object of strings.")
        request |= {"filterArn": task.filter, "filterValues": values}
    if version.recipe.type == "PERSONALIZED_RANKING":
        items = given.get("itemList")
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ServiceError("InvalidInputException", "itemList must be a list of strings.")
        listed = runtime.rankings.answer(version, {**request, "inputList": items}, None)["personalizedRanking"]
    else:
        listed = runtime.recommendations.answer(version, {**request, "itemId": _text(given, "itemId")}, None)[
            "itemList"
        ]
    output: Json = {"recommendedItems": [entry.item_id for entry in listed]}
    if version.recipe.scores:
        output["scores"] = [entry.score for entry in listed]
    return output


def _text(given: Json, name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise ServiceError("InvalidInputException", f"{name} must be a string.")
    return value
