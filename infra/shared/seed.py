"""What Personalize learns its first model from: the schemas and the CSV files of `seed_data/`, with their digests.

Names no AWS service and needs no credentials: the stacks name import jobs after a digest, the deploy uploads the same
file to the same key.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from infra.naming import DatasetKind
from infra.settings import SettingsError

SEED_FOLDER = Path(__file__).resolve().parents[2] / "seed_data"
SCHEMA_LIMIT = 10_000
"""Characters of AWS::Personalize::Schema's `Schema` (the API takes 20,000)."""
DIGEST_LENGTH = 10


def seed_file(kind: DatasetKind, *, folder: Path = SEED_FOLDER) -> Path:
    """The CSV file of a dataset; SettingsError where it does not exist."""
    path = folder / kind / f"{kind}.csv"
    if not path.is_file():
        raise SettingsError(f"seed_data/{kind}/{path.name} does not exist: `python -m seed_data.generate` makes it")
    return path


def seed_digest(kind: DatasetKind, *, folder: Path = SEED_FOLDER) -> str:
    """Ten hex digits of the SHA-256 of the dataset's CSV file: other data, another import job."""
    with seed_file(kind, folder=folder).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]


def expression_digest(expression: str) -> str:
    """Eight hex digits of a filter's expression: a changed expression is a new filter with a name of its own."""
    return hashlib.sha256(expression.encode()).hexdigest()[:8]


def read_schema(kind: DatasetKind, *, folder: Path = SEED_FOLDER) -> str:
    """The Avro schema of a dataset as one line of JSON; SettingsError where it is missing or cannot be used."""
    path = folder / "schemas" / f"{kind}.avsc.json"
    shown = f"seed_data/schemas/{path.name}"
    if not path.is_file():
        raise SettingsError(f"{shown} does not exist")
    try:
        schema: Any = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise SettingsError(f"{shown} is not valid JSON: {error}") from error
    text = json.dumps(schema, separators=(",", ":"))
    if len(text) > SCHEMA_LIMIT:
        raise SettingsError(f"{shown} has {len(text)} characters; CloudFormation takes {SCHEMA_LIMIT}")
    return text
