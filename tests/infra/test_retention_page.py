"""docs/operate/security.md says of every place how long it keeps what lies there, and the templates say the same."""

import re
from typing import Any

import pytest

from infra.settings import load_settings
from tests.infra.synthesis import ROOT, Synthesis

_ROW = re.compile(
    r"^\| `(?P<where>[^`]*ENV[^`]*)` \|(?: `(?P<prefix>[a-z/]+)`)? \| (?P<what>[^|]+) \| (?P<kept>[^|]+) \|(?: (?P<old>\d+) days?)? \|$",
    re.M,
)
_SECONDS = {"day": 86_400, "days": 86_400, "hours": 3600}
Kept = tuple[int | None, int | None]
"""Seconds until something expires, and until its old versions do; None where it does not."""


def _rows(environment: str) -> dict[tuple[str, str], Kept]:
    """By name and prefix, for an environment."""
    settings = load_settings(environment)
    text = (ROOT / "docs" / "operate" / "security.md").read_text(encoding="utf-8")
    rows: dict[tuple[str, str], Kept] = {}
    for row in _ROW.finditer(text):
        name = row["where"].replace("ENV", environment).replace("ACCOUNT", settings.account)
        key = (name.replace("REGION", settings.region), row["prefix"] or "")
        assert key not in rows, key
        old = int(row["old"]) * _SECONDS["days"] if row["old"] else None
        rows[key] = (_seconds(row["kept"], settings.retention), old)
    return rows


def _seconds(kept: str, retention: Any) -> int | None:
    if kept == "until removed":
        return None
    found = re.fullmatch(r"(?:`retention\.(\w+)`|(\d+)) (days|hours)(?:, (\d+) at most)?", kept)
    assert found, kept
    key, number, unit, most = found.groups()
    value = retention.model_dump(by_alias=True)[key] if key else int(number)
    return min(int(value), int(most or value)) * _SECONDS[unit]


def _in_templates(synthesis: Synthesis) -> dict[tuple[str, str], Kept]:
    found: dict[tuple[str, str], Kept] = {}
    day = _SECONDS["days"]
    for stack in synthesis.templates:
        for bucket in synthesis.resources(stack, "AWS::S3::Bucket").values():
            for rule in [{}, *bucket["LifecycleConfiguration"]["Rules"]]:
                key = (bucket["BucketName"], rule.get("Prefix", ""))
                expires, old = found.get(key, (None, None))
                if "ExpirationInDays" in rule:
                    expires = rule["ExpirationInDays"] * day
                if "NoncurrentVersionExpiration" in rule:
                    old = rule["NoncurrentVersionExpiration"]["NoncurrentDays"] * day
                found[key] = (expires, old)
        for group in synthesis.resources(stack, "AWS::Logs::LogGroup").values():
            found[group["LogGroupName"], ""] = (group["RetentionInDays"] * day, None)
        for queue in synthesis.resources(stack, "AWS::SQS::Queue").values():
            found[queue["QueueName"], ""] = (queue["MessageRetentionPeriod"], None)
        for stream in synthesis.resources(stack, "AWS::Kinesis::Stream").values():
            found[stream["Name"], ""] = (stream["RetentionPeriodHours"] * _SECONDS["hours"], None)
    return found


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_each_place_is_kept_as_long_as_the_page_says(environment: str, request: pytest.FixtureRequest) -> None:
    """Both ways: no place without a row, no row without a place, and each with the template's own numbers."""
    assert _in_templates(request.getfixturevalue(environment)) == _rows(environment)


def test_no_copy_of_a_visitors_history_is_kept_for_good(dev: Synthesis) -> None:
    """What a change of generation leaves, and what Athena answers, expires, its old versions too; imports take hours."""
    kept = _in_templates(dev)
    account = "123456789012-us-east-1"
    for purpose, prefix in (("seed", "interactions/"), ("seed", "exports/"), ("archive", "athena/")):
        expires, old = kept[f"dev-recommender-{purpose}-{account}", prefix]
        assert expires is not None, prefix
        assert 2 * 86_400 <= expires <= 7 * 86_400, prefix
        assert old == 86_400, prefix


def test_athena_answers_where_answers_expire(dev: Synthesis) -> None:
    """Whoever asks cannot choose another place."""
    (group,) = dev.resources("data", "AWS::Athena::WorkGroup").values()
    configuration = group["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    location = configuration["ResultConfiguration"]["OutputLocation"]
    assert location == "s3://dev-recommender-archive-123456789012-us-east-1/athena/"
    assert "SSE_KMS" == configuration["ResultConfiguration"]["EncryptionConfiguration"]["EncryptionOption"]


def test_abandoned_uploads_go_everywhere(dev: Synthesis) -> None:
    """Parts of an upload are no object: no other rule sees them."""
    for bucket in dev.resources("data", "AWS::S3::Bucket").values():
        rules = bucket["LifecycleConfiguration"]["Rules"]
        days = [rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for rule in rules if "Abort" in str(rule)]
        assert [7] == days
