"""Asks the deployed functions: `python -m tools.invoke recommend --env local --user 100001`.

`recommend` shows which groups a visitor is recommended, `rerank` in which order they would see a list of animals.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.naming import ALIAS
from lambdas.shared.animal import AnimalGroup
from lambdas.shared.errors import PayloadError
from tools.environment.connection import Connection, connect
from tools.environment.errors import ToolError
from tools.environment.front import run

SPECIES = {"1": "cat", "2": "dog"}
SIZES = {"1": "tiny", "2": "small", "3": "medium", "4": "large", "5": "huge"}
AGES = {"1": "baby", "2": "young", "3": "adult", "4": "mature", "5": "old"}

app = typer.Typer(add_completion=False, rich_markup_mode=None, help=__doc__)


class InvocationError(ToolError):
    """The function failed or refused the request; the message is its own."""


def invoke(connection: Connection, function: str, payload: Mapping[str, Any]) -> Any:
    """The function's answer to the bare payload. Raises InvocationError, or the client's errors.

    `function` is `recommend` or `rerank`.
    """
    name = f"{connection.settings.names.function(function)}:{ALIAS}"  # type: ignore[arg-type]
    answer = connection.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload).encode())
    body = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise InvocationError(f"{name} failed: {body.get('errorType')}: {body.get('errorMessage')}")
    if isinstance(body, dict) and body.get("statusCode", 200) != 200:
        error = body["body"]["error"]
        raise InvocationError(f"{name} refused the request: {error['field']}: {error['message']}")
    return body


def recommend(connection: Connection, **request: Any) -> list[dict[str, Any]]:
    """The recommended groups with score, reason and source, best first; members that are None are left out."""
    given = {name: value for name, value in request.items() if value is not None}
    items: list[dict[str, Any]] = invoke(connection, "recommend", {"detail": True, **given})
    return items


def rerank(connection: Connection, groups: Sequence[str], **request: Any) -> dict[str, Any]:
    """The ranking of one animal of each group; the animal's id is its group's."""
    given = {name: value for name, value in request.items() if value is not None}
    animals = [{"itemId": group, "animalMetadata": group_of(group).metadata} for group in groups]
    answer: dict[str, Any] = invoke(connection, "rerank", {"itemMetadataList": animals, **given})
    return answer


def group_of(item_id: str) -> AnimalGroup:
    """The group of an item id; whether there can be such animals is for the functions to say.

    Raises InvocationError where it has not the parts of a group.
    """
    try:
        return AnimalGroup.split(item_id)
    except PayloadError as error:
        raise InvocationError(f"{item_id!r} is no group: {error.message}") from error


def in_words(group: str) -> str:
    """A group for people, e.g. `young medium dog, Saint Bernard`."""
    told = group_of(group)
    words = (AGES.get(told.age, told.age), SIZES.get(told.size, told.size), SPECIES.get(told.species, told.species))
    return f"{' '.join(words)}, {told.breed.replace('_', ' ')}"


Environment = Annotated[str, typer.Option("--env", help="Environment to ask.")]
User = Annotated[str | None, typer.Option(help="The visitor's id; visitors of the seed are 100001 and on.")]
Session = Annotated[str | None, typer.Option(help="The session's id, for a visitor who has not signed in.")]


@app.command("recommend")
def recommend_command(
    environment: Environment = "local",
    user: User = None,
    session: Session = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many groups.")] = 10,
    only: Annotated[str | None, typer.Option("--filter", help="Name of a filter of the config.")] = None,
) -> None:
    """Which groups is this visitor recommended?"""
    items = recommend(connect(environment), userId=user, sessionId=session, limit=limit, filters=only)
    table = Table("", "group", "in words", "score", "reason", box=None, pad_edge=False)
    table.columns[0].no_wrap = table.columns[3].no_wrap = True
    for place, item in enumerate(items, start=1):
        score = "" if item["score"] is None else f"{item['score']:.4f}"
        table.add_row(str(place), *map(escape, (item["id"], in_words(item["id"]), score, item["reason"] or "")))
    Console().print(table, highlight=False)
    Console().print(
        f"source: {', '.join(sorted({item['source'] for item in items})) or 'nothing fits'}", highlight=False
    )


@app.command("rerank")
def rerank_command(
    groups: Annotated[list[str], typer.Argument(help="Groups in the order given, e.g. 2-Beagle-2-1.")],
    environment: Environment = "local",
    user: User = None,
    session: Session = None,
) -> None:
    """In which order would this visitor see these groups?"""
    answer = rerank(connect(environment), groups, userId=user, sessionId=session)
    scores = {item["itemId"]: item.get("score") for item in answer["personalizeResponse"]["personalizedRanking"]}
    table = Table("", "group", "in words", "score", "given", box=None, pad_edge=False)
    table.columns[0].no_wrap = table.columns[3].no_wrap = True
    for place, group in enumerate(answer["ranking"], start=1):
        score = "" if scores.get(group) is None else f"{scores[group]:.4f}"
        given = str(groups.index(group) + 1)
        table.add_row(str(place), escape(group), escape(in_words(group)), score, given)
    Console().print(table, highlight=False)
    Console().print(f"source: {answer['source']}", highlight=False)


def main() -> int:
    """Runs the command line; returns its exit code."""
    return run(app)
