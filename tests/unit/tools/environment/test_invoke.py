"""Asking the functions: payloads, answers, refusals, and what is shown."""

import io
import json
from typing import Any

import pytest

from infra.settings import load_settings
from tools.environment import invoke as module
from tools.environment.connection import Connection
from tools.environment.invoke import InvocationError, group_of, in_words, recommend, rerank


class FakeLambda:
    def __init__(self, answer: Any, *, error: bool = False) -> None:
        self.answer = answer
        self.error = error
        self.asked: list[tuple[str, Any]] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - AWS's names
        self.asked.append((FunctionName, json.loads(Payload)))
        body = {"Payload": io.BytesIO(json.dumps(self.answer).encode())}
        return body | ({"FunctionError": "Unhandled"} if self.error else {})


@pytest.fixture
def connection(tmp_path: Any) -> Connection:
    return Connection(settings=load_settings("local"), state=tmp_path)


def answering(connection: Connection, answer: Any, *, error: bool = False) -> FakeLambda:
    fake = FakeLambda(answer, error=error)
    connection._clients["lambda"] = fake
    return fake


ITEM = {"id": "2-Saint_Bernard-3-2", "score": 0.25, "reason": None, "recommendationId": "RID", "source": "personalize"}


def test_recommend_asks_for_details_and_leaves_out_what_is_not_given(connection: Connection) -> None:
    """The bare payload goes to the alias of the environment's function."""
    fake = answering(connection, [ITEM])
    assert [ITEM] == recommend(connection, userId="7", sessionId=None, limit=3)
    assert [
        ("local-recommender-get-recommendation-lambda-lbd:live", {"detail": True, "userId": "7", "limit": 3})
    ] == fake.asked


def test_rerank_sends_one_animal_of_each_group(connection: Connection) -> None:
    """Breeds with hyphens and spaces survive."""
    fake = answering(connection, {"ranking": ["1-Domestic Short-Hair-1-2"]})
    rerank(connection, ["1-Domestic Short-Hair-1-2"], userId="7")
    ((_, payload),) = fake.asked
    assert {
        "userId": "7",
        "itemMetadataList": [
            {
                "itemId": "1-Domestic Short-Hair-1-2",
                "animalMetadata": {
                    "animal_species_id": "1",
                    "animal_primary_breed_id": "Domestic Short-Hair",
                    "animal_size_id": "1",
                    "animal_age_id": "2",
                },
            }
        ],
    } == payload


def test_refusal_names_the_field(connection: Connection) -> None:
    """A 400 of the function is an error with its field and message."""
    answering(connection, {"statusCode": 400, "body": {"error": {"field": "limit", "value": 0, "message": "too low"}}})
    with pytest.raises(InvocationError, match="refused the request: limit: too low"):
        recommend(connection, limit=0)


def test_failure_of_the_function_is_told(connection: Connection) -> None:
    """An exception in the function is an error with its type."""
    answering(connection, {"errorType": "ValueError", "errorMessage": "broken"}, error=True)
    with pytest.raises(InvocationError, match="failed: ValueError: broken"):
        recommend(connection)


@pytest.mark.parametrize("group", ["", "2", "2-Beagle", "2-Beagle-1", "-Beagle-1-1"])
def test_what_is_no_group_is_said(group: str) -> None:
    """A group that cannot be read is named, with an example of one that can."""
    with pytest.raises(InvocationError, match="is no group"):
        group_of(group)


def test_groups_in_words() -> None:
    """People read animals, not numbers."""
    assert "young medium dog, Saint Bernard" == in_words("2-Saint_Bernard-3-2")
    assert "7 9 5, X" == in_words("5-X-9-7")


def test_commands_show_tables(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both commands print what the functions answered, by rank."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(module, "connect", lambda environment: connection)
    answering(connection, [ITEM])
    module.recommend_command(user="7")
    assert "Saint Bernard" in capsys.readouterr().out

    ranking = {
        "ranking": ["2-Pug-1-1", "2-Saint_Bernard-3-2"],
        "personalizeResponse": {"personalizedRanking": [{"itemId": "2-Pug-1-1", "score": 0.75}]},
        "source": "personalize",
    }
    answering(connection, ranking)
    module.rerank_command(["2-Saint_Bernard-3-2", "2-Pug-1-1"])
    shown = capsys.readouterr().out
    assert shown.index("Pug") < shown.index("Saint Bernard")
    assert "0.7500" in shown
    assert "source: personalize" in shown


def test_cloud_that_is_down_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """No stack trace for what the caller can mend."""
    monkeypatch.setenv("LOCAL_CLOUD_STATE", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["invoke", "recommend"])
    assert 1 == module.main()
    assert "error: the local cloud is not up" in capsys.readouterr().err
