"""Objects in S3, or in folders that stand for buckets, by their `s3://` address."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

_PRIVILEGES = "Insufficient privileges for accessing data in Amazon S3."
_LOCATION = "Invalid Data location."


class ObjectError(Exception):
    """An object cannot be read or written; the text is the service's own where it is known."""


class Objects(Protocol):
    """Where imports read and exports write."""

    def read(self, location: str) -> Iterator[tuple[str, bytes]]:
        """Name and content of the object at `location`; when it ends with `/`, of each object directly below."""
        ...

    def find(self, location: str) -> Iterator[tuple[str, bytes]]:
        """Name and content of every object whose address begins with `location`, in sub-folders too."""
        ...

    def write(self, location: str, content: bytes) -> None:
        """Store an object."""
        ...


def split(location: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` address."""
    parts = urlsplit(location)
    if parts.scheme != "s3" or not parts.netloc:
        raise ObjectError(_LOCATION)
    return parts.netloc, location.split("/", 3)[3] if location.count("/") > 2 else ""


def folder_of(location: str) -> str:
    """The address as that of a folder: with a slash at its end."""
    return location if location.endswith("/") else location + "/"


class FolderObjects:
    """`s3://bucket/key` is the file `root/bucket/key`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, location: str) -> Path:
        bucket, key = split(location)
        path = (self._root / bucket / key).resolve()
        if not path.is_relative_to(self._root.resolve()):
            raise ObjectError(_LOCATION)
        return path

    def read(self, location: str) -> Iterator[tuple[str, bytes]]:
        path = self._path(location)
        if location.endswith("/"):
            files = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else []
        else:
            files = [path] if path.is_file() else []
        if not files:
            raise ObjectError(_LOCATION)
        for file in files:
            yield file.name, file.read_bytes()

    def find(self, location: str) -> Iterator[tuple[str, bytes]]:
        bucket, prefix = split(location)
        root = self._path(f"s3://{bucket}/")
        keys = sorted(one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file())
        found = [key for key in keys if key.startswith(prefix)]
        if not found:
            raise ObjectError(_LOCATION)
        for key in found:
            yield key.rpartition("/")[2], (root / key).read_bytes()

    def write(self, location: str, content: bytes) -> None:
        path = self._path(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class S3Objects:
    """S3 as boto3 finds it: endpoint, region and, unless `keys` are given, credentials from the environment."""

    def __init__(self, keys: Mapping[str, str] | None = None) -> None:
        import boto3  # here, because the server's own process need not hold it

        # A session of its own: the shared one keeps the credentials that it first found.
        # An S3 on this computer takes any key; AWS takes the caller's own, which boto3 finds where it always does.
        if keys is None:
            keys = _ANY_KEYS if _on_this_computer() and "AWS_ACCESS_KEY_ID" not in os.environ else {}
        self._client: Any = boto3.Session().client("s3", **keys)

    def read(self, location: str) -> Iterator[tuple[str, bytes]]:
        bucket, key = split(location)
        try:
            yield from self._contents(bucket, self._below(bucket, key) if key.endswith("/") or not key else [key])
        except ClientError as error:
            missing = error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404")
            raise ObjectError(_LOCATION if missing else f"{_PRIVILEGES} ({error})") from error
        except BotoCoreError as error:
            raise ObjectError(f"Amazon S3 cannot be reached: {error}") from error

    def find(self, location: str) -> Iterator[tuple[str, bytes]]:
        bucket, prefix = split(location)
        try:
            for key, content in self._contents(bucket, self._below(bucket, prefix, Delimiter="")):
                yield key.rpartition("/")[2], content
        except ClientError as error:
            raise ObjectError(f"{_PRIVILEGES} ({error})") from error
        except BotoCoreError as error:
            raise ObjectError(f"Amazon S3 cannot be reached: {error}") from error

    def _contents(self, bucket: str, keys: list[str]) -> Iterator[tuple[str, bytes]]:
        if not keys:
            raise ObjectError(_LOCATION)
        for key in keys:
            yield key, self._client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def _below(self, bucket: str, prefix: str, **options: str) -> list[str]:
        request = {"Bucket": bucket, "Prefix": prefix, "Delimiter": "/", **options}
        pages = self._client.get_paginator("list_objects_v2").paginate(**request)
        return [entry["Key"] for page in pages for entry in page.get("Contents", []) if not entry["Key"].endswith("/")]

    def write(self, location: str, content: bytes) -> None:
        bucket, key = split(location)
        try:
            self._client.put_object(Bucket=bucket, Key=key, Body=content)
        except ClientError as error:
            raise ObjectError(f"{_PRIVILEGES} ({error})") from error
        except BotoCoreError as error:
            raise ObjectError(f"Amazon S3 cannot be reached: {error}") from error


_ANY_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def _on_this_computer() -> bool:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    return urlsplit(endpoint).hostname in ("127.0.0.1", "localhost", "::1")


def at_most(found: Iterator[tuple[str, bytes]], most_bytes: int) -> Iterator[tuple[str, bytes]]:
    """The objects, or ObjectError once they are larger together."""
    size = 0
    for name, content in found:
        size += len(content)
        if size > most_bytes:
            raise ObjectError(f"The data has more than {most_bytes} bytes.")
        yield name, content


def open_objects(s3_root: str | None, keys: Mapping[str, str] | None = None) -> Objects:
    """The folders below `s3_root` when it is given, else S3, reached with `keys` where there are any."""
    return FolderObjects(Path(s3_root)) if s3_root else S3Objects(keys)
