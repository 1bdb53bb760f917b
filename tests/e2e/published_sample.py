"""What the integration tests of the published sample ask: both functions and the stream, by the names that SSM has.

Its payloads are those of its README; its groups are not all in the catalogue of the seed.
"""

import json
from dataclasses import dataclass
from typing import Any

from tools.environment.connection import Connection

SAINT_BERNARD = {
    "animal_species_id": "2",
    "animal_primary_breed_id": "Saint_Bernard",
    "animal_size_id": "3",
    "animal_age_id": "2",
}
EGYPTIAN_MAU = {
    "animal_species_id": "1",
    "animal_primary_breed_id": "Egyptian_Mau",
    "animal_size_id": "1",
    "animal_age_id": "1",
}
RERANK = {
    "body": {
        "userId": "12345",
        "itemMetadataList": [
            {"itemId": "1", "animalMetadata": SAINT_BERNARD},
            {"itemId": "2", "animalMetadata": EGYPTIAN_MAU},
            {"itemId": "3", "animalMetadata": SAINT_BERNARD},
        ],
    }
}
EVENT = {
    "Partitionkey": "any",
    "Data": {
        "userId": "12345",
        "sessionId": "published-sample",
        "eventType": "DetailView",
        "animalMetadata": EGYPTIAN_MAU,
        "animal_id": "98765",
    },
}


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of the functions and of the stream."""

    recommended: dict[str, Any]
    ranked: dict[str, Any]
    put: dict[str, Any]


def ask(connection: Connection) -> Answers:
    """Asks as the sample's tests do."""
    prefix = connection.settings.ssm_prefix
    ssm, functions = connection.client("ssm"), connection.client("lambda")

    def named(path: str) -> str:
        return str(ssm.get_parameter(Name=f"{prefix}/{path}")["Parameter"]["Value"])

    def answered(path: str, event: dict[str, Any]) -> dict[str, Any]:
        invoked = functions.invoke(FunctionName=named(path), Payload=json.dumps(event))
        assert invoked["StatusCode"] == 200
        answer: dict[str, Any] = json.loads(invoked["Payload"].read())
        return answer

    return Answers(
        recommended=answered("personalize/recommendation/function-name", {"body": {"userId": "12345", "limit": 6}}),
        ranked=answered("personalize/reranking/function-name", RERANK),
        put=connection.client("kinesis").put_record(
            StreamName=named("kinesis-stream/name"), Data=json.dumps(EVENT).encode(), PartitionKey="any"
        ),
    )
