"""The seed's files, schemas and digests."""

import hashlib
import json
from pathlib import Path

import pytest

from infra.settings import SettingsError
from infra.shared.seed import expression_digest, read_schema, seed_digest, seed_file


def _seed(folder: Path, text: str) -> Path:
    (folder / "items").mkdir(exist_ok=True)
    (folder / "items" / "items.csv").write_text(text)
    return folder


def test_the_digest_follows_the_data(tmp_path: Path) -> None:
    """The first ten hex digits of the file's SHA-256: other data, another digest."""
    first = seed_digest("items", folder=_seed(tmp_path, "ITEM_ID\n1\n"))
    assert hashlib.sha256(b"ITEM_ID\n1\n").hexdigest()[:10] == first
    assert first != seed_digest("items", folder=_seed(tmp_path, "ITEM_ID\n2\n"))


def test_the_file_is_where_its_kind_says(tmp_path: Path) -> None:
    """`KIND/KIND.csv`."""
    assert tmp_path / "items" / "items.csv" == seed_file("items", folder=_seed(tmp_path, ""))


def test_d56_a_missing_file_says_what_makes_it(tmp_path: Path) -> None:
    """Not a template that points at data which nobody uploads."""
    with pytest.raises(
        SettingsError, match=r"seed_data/interactions/interactions\.csv does not exist: `python -m seed"
    ):
        seed_digest("interactions", folder=tmp_path)


def test_a_schema_is_one_line_of_the_same_json(tmp_path: Path) -> None:
    """So that white space changes no generation."""
    (tmp_path / "schemas").mkdir()
    schema = {"type": "record", "fields": [{"name": "ITEM_ID", "type": "string"}]}
    (tmp_path / "schemas" / "items.avsc.json").write_text(json.dumps(schema, indent=4))
    text = read_schema("items", folder=tmp_path)
    assert schema == json.loads(text)
    assert "\n" not in text
    assert " " not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"seed_data/schemas/items\.avsc\.json does not exist"),
        ("{", r"seed_data/schemas/items\.avsc\.json is not valid JSON"),
        (json.dumps({"doc": "x" * 10_000}), "has 10010 characters; CloudFormation takes 10000"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    """Missing, broken or too long for the resource type."""
    (tmp_path / "schemas").mkdir()
    if text is not None:
        (tmp_path / "schemas" / "items.avsc.json").write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_schema("items", folder=tmp_path)


def test_a_filters_digest_is_short_and_its_own() -> None:
    """Eight hex digits, different for different expressions."""
    one, other = expression_digest("INCLUDE ..."), expression_digest("EXCLUDE ...")
    assert (8, 8) == (len(one), len(other))
    assert one != other
