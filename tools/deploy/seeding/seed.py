"""The seed data in S3, where the Personalize stack's templates expect it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from botocore.exceptions import ClientError

from infra.naming import DatasetKind
from tools.deploy.base.errors import DeployError
from tools.environment.connection import Connection


@dataclass(frozen=True, slots=True)
class SeedFile:
    """One dataset's CSV: the file here and the object it becomes."""

    path: Path
    bucket: str
    key: str


def seed_files(template: Mapping[str, Any], generation: int, folder: Path) -> list[SeedFile]:
    """The seed files that the Personalize template imports for `generation`.

    The template is the one that says where: the import job's name and location carry a digest of the data. Raises
    DeployError where it imports nothing for the generation, or a file is missing in `folder`.
    """
    files = [
        SeedFile(folder / kind / f"{kind}.csv", bucket, f"{prefix}{kind}.csv")
        for kind, bucket, prefix in _imports(template)
        if prefix.startswith(f"{kind}/g{generation}-")
    ]
    if not files:
        raise DeployError(f"the Personalize template imports no seed data for generation {generation}")
    for file in files:
        if not file.path.is_file():
            raise DeployError(f"{file.path} is missing; `python -m seed_data.generate` makes it")
    return files


def upload_seed(connection: Connection, files: list[SeedFile]) -> int:
    """Uploads what is not there yet; returns how many files that was."""
    s3 = connection.client("s3")
    missing = [file for file in files if not _is_there(s3, file)]
    for file in missing:
        s3.upload_file(str(file.path), file.bucket, file.key, ExtraArgs={"ContentType": "text/csv; charset=utf-8"})
    return len(missing)


def _imports(template: Mapping[str, Any]) -> Iterator[tuple[DatasetKind, str, str]]:
    """Kind, bucket and key prefix of each import job in the template."""
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::Personalize::Dataset":
            continue
        properties = resource["Properties"]
        source = properties.get("DatasetImportJob", {}).get("DataSource", {})
        location = source.get("DataLocation") if isinstance(source, Mapping) else None
        if not isinstance(location, str) or not location.startswith("s3://"):
            continue
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        yield cast(DatasetKind, properties["DatasetType"].lower()), bucket, prefix


def _is_there(s3: Any, file: SeedFile) -> bool:
    try:
        found = s3.head_object(Bucket=file.bucket, Key=file.key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    return int(found["ContentLength"]) == file.path.stat().st_size
