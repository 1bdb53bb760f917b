"""S3 behind jobs: which endpoint and keys, what a folder is, and the service's words for what fails."""

import io
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from personalize_local.data.objects import ObjectError, S3Objects, open_objects, split


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "test"),
        ({"AWS_ENDPOINT_URL_S3": "http://localhost:9000"}, "test"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "a"),
        ({"AWS_ENDPOINT_URL": "https://s3.example", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "a"),
    ],
)
def test_an_s3_on_this_computer_needs_no_keys(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    """Without keys in the environment a local S3 gets any; keys that are there are used."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert expected == S3Objects()._client._request_signer._credentials.access_key


def _s3() -> tuple[S3Objects, Stubber]:
    objects = S3Objects.__new__(S3Objects)
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    objects._client = client
    return objects, Stubber(client)


def test_s3_reads_the_first_level_of_a_folder() -> None:
    """A folder is listed with a delimiter; its marker object and what lies deeper are not read."""
    objects, stub = _s3()
    listing = {"Contents": [{"Key": "in/"}, {"Key": "in/a.csv"}], "CommonPrefixes": [{"Prefix": "in/deep/"}]}
    with stub:
        stub.add_response("list_objects_v2", listing, {"Bucket": "b", "Prefix": "in/", "Delimiter": "/"})
        body = {"Body": io.BytesIO(b"content")}
        stub.add_response("get_object", body, {"Bucket": "b", "Key": "in/a.csv"})
        assert [("in/a.csv", b"content")] == list(objects.read("s3://b/in/"))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("NoSuchKey", "Invalid Data location."),
        ("AccessDenied", "Insufficient privileges for accessing data in Amazon S3."),
        ("NoSuchBucket", "Insufficient privileges for accessing data in Amazon S3."),
    ],
)
def test_s3_errors_have_the_services_text(code: str, reason: str) -> None:
    """A missing object is a wrong location; what may not be read is a lack of rights."""
    objects, stub = _s3()
    with stub:
        stub.add_client_error("get_object", code)
        with pytest.raises(ObjectError, match=reason):
            list(objects.read("s3://b/a.csv"))
        stub.add_client_error("put_object", code)
        with pytest.raises(ObjectError, match="Insufficient privileges"):
            objects.write("s3://b/a.csv", b"")


def test_s3_folders_without_objects_are_wrong_locations() -> None:
    """An empty listing is refused."""
    objects, stub = _s3()
    with stub:
        stub.add_response("list_objects_v2", {})
        with pytest.raises(ObjectError, match=r"Invalid Data location\."):
            list(objects.read("s3://b/in/"))
    assert ("b", "") == split("s3://b")


@pytest.mark.parametrize("keys", [None, {"aws_access_key_id": "a", "aws_secret_access_key": "b"}])
def test_without_an_endpoint_s3_is_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keys: dict[str, str] | None
) -> None:
    """The caller's own account is not taken for it, whatever credentials lie around; the text says what to give."""
    credentials = tmp_path / "credentials"
    credentials.write_text("[default]\naws_access_key_id = real\naws_secret_access_key = real\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "Session", lambda: pytest.fail("a client was made"))
    with pytest.raises(ObjectError, match=r"--s3-root FOLDER.*--s3-endpoint URL"):
        open_objects(None, keys)


def test_the_endpoint_that_is_given_counts_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is the one that the client asks."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://other.example")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    objects = open_objects(None, endpoint="http://127.0.0.1:9000")
    assert isinstance(objects, S3Objects)
    assert "http://127.0.0.1:9000" == objects._client.meta.endpoint_url
    assert "https://other.example" == S3Objects()._client.meta.endpoint_url
