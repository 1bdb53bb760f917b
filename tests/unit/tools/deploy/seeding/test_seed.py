"""The seed data in S3."""

from pathlib import Path
from typing import Any

import pytest

from tools.deploy.base.errors import DeployError
from tools.deploy.seeding.seed import SeedFile, seed_files, upload_seed
from tools.environment.connection import Connection

BUCKET = "dev-recommender-seed-123456789012-us-east-1"


def dataset(kind: str, generation: int, digest: str = "0123456789") -> dict[str, Any]:
    location = f"s3://{BUCKET}/{kind.lower()}/g{generation}-{digest}/"
    return {
        "Type": "AWS::Personalize::Dataset",
        "Properties": {"DatasetType": kind, "DatasetImportJob": {"DataSource": {"DataLocation": location}}},
    }


@pytest.fixture
def template() -> dict[str, Any]:
    return {
        "Resources": {
            "Group": {"Type": "AWS::Personalize::DatasetGroup", "Properties": {}},
            "A": dataset("Interactions", 1),
            "B": dataset("Items", 1),
            "C": dataset("Interactions", 12),
        }
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind in ("interactions", "items"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{kind}.csv").write_text(f"ITEM_ID\n1-domestic short hair-1-1,{kind}\n")
    return tmp_path


def test_d56_files_go_where_the_template_imports_them_from(template: dict[str, Any], folder: Path) -> None:
    """The template alone says where; the files of other generations are left as they were."""
    expected = [
        SeedFile(folder / "interactions/interactions.csv", BUCKET, "interactions/g1-0123456789/interactions.csv"),
        SeedFile(folder / "items/items.csv", BUCKET, "items/g1-0123456789/items.csv"),
    ]
    assert expected == seed_files(template, 1, folder)


def test_a_missing_file_is_named_with_what_makes_it(template: dict[str, Any], tmp_path: Path) -> None:
    """Nothing is uploaded by halves."""
    with pytest.raises(DeployError, match=r"interactions\.csv is missing; `python -m seed_data.generate` makes it"):
        seed_files(template, 1, tmp_path)


def test_a_template_without_imports_is_refused(template: dict[str, Any], folder: Path) -> None:
    """A generation without data would only fail at its first training."""
    with pytest.raises(DeployError, match="imports no seed data for generation 2"):
        seed_files(template, 2, folder)


def test_what_is_there_is_not_uploaded_again(connection: Connection, template: dict[str, Any], folder: Path) -> None:
    """Keys carry a digest of the data: same key, same data. A file of another size was cut off, and goes up again."""
    s3 = connection.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    files = seed_files(template, 1, folder)
    assert upload_seed(connection, files) == 2
    assert upload_seed(connection, files) == 0
    s3.put_object(Bucket=BUCKET, Key=files[0].key, Body=b"half")
    assert upload_seed(connection, files) == 1
    stored = s3.get_object(Bucket=BUCKET, Key=files[0].key)["Body"].read()
    assert files[0].path.read_bytes() == stored
