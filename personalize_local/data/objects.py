"""Objects in S3, or in folders that stand for buckets, by their `s3://` address."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from personalize_local.data.folder_objects import LOCATION, FolderObjects, ObjectError, split

__all__ = [
    "FolderObjects",
    "ObjectError",
    "Objects",
    "S3Objects",
    "at_most",
    "folder_of",
    "open_objects",
    "s3_endpoint",
    "split",
]

_PRIVILEGES = "Insufficient privileges for accessing data in Amazon S3."


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


NO_S3 = (
    "The local Personalize does not know where S3 is, and does not take the Amazon S3 of your account for it. Start it "
    "with --s3-root FOLDER, whose sub-folders are the buckets, or with --s3-endpoint URL (or AWS_ENDPOINT_URL_S3)."
)


def folder_of(location: str) -> str:
    """The address as that of a folder: with a slash at its end."""
    return location if location.endswith("/") else location + "/"


def s3_endpoint(given: str | None = None) -> str | None:
    """Where S3 answers: what is given, else what the environment says; None where nothing does."""
    return given or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


class S3Objects:
    """An S3 at the endpoint that is given or that the environment names; ObjectError without one.

    Without an endpoint boto3 would take the S3 of AWS and whatever credentials it finds for it. The keys are those that
    are given, else the caller's own; an S3 on this computer takes any key where the environment has none.
    """

    def __init__(self, keys: Mapping[str, str] | None = None, *, endpoint: str | None = None) -> None:
        import boto3  # here, because the server's own process need not hold it

        url = s3_endpoint(endpoint)
        if url is None:
            raise ObjectError(NO_S3)
        if keys is None:
            keys = _ANY_KEYS if _on_this_computer(url) and "AWS_ACCESS_KEY_ID" not in os.environ else {}
        # A session of its own: the shared one keeps the credentials that it first found.
        self._client: Any = boto3.Session().client("s3", endpoint_url=url, **keys)

    def read(self, location: str) -> Iterator[tuple[str, bytes]]:
        bucket, key = split(location)
        try:
            yield from self._contents(bucket, self._below(bucket, key) if key.endswith("/") or not key else [key])
        except ClientError as error:
            missing = error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404")
            raise ObjectError(LOCATION if missing else f"{_PRIVILEGES} ({error})") from error
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
            raise ObjectError(LOCATION)
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


def _on_this_computer(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def at_most(found: Iterator[tuple[str, bytes]], most_bytes: int) -> Iterator[tuple[str, bytes]]:
    """The objects, or ObjectError once they are larger together."""
    size = 0
    for name, content in found:
        size += len(content)
        if size > most_bytes:
            raise ObjectError(f"The data has more than {most_bytes} bytes.")
        yield name, content


def open_objects(s3_root: str | None, keys: Mapping[str, str] | None = None, endpoint: str | None = None) -> Objects:
    """The folders below `s3_root` when it is given, else the S3 at `endpoint`, with `keys` where there are any."""
    return FolderObjects(Path(s3_root)) if s3_root else S3Objects(keys, endpoint=endpoint)
