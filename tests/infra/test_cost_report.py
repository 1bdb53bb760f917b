"""`--cost` and `--dry-run` of the deploy program, in a process without credentials, a network or a cloud."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.synthesis import ROOT, isolated


def deploy(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = isolated(folder) | {"COLUMNS": "80", "CDK_VALIDATION": "false"} | variables
    # The metadata service of a computer on AWS may be asked; there is no network to find it by.
    del environment["AWS_EC2_METADATA_DISABLED"]
    environment["PATH"] = f"{Path(sys.executable).parent}:{ROOT / 'node_modules' / '.bin'}:{environment['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "tools.deploy", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("environment", ["dev", "local"])
def test_costs_need_neither_credentials_nor_a_network(tmp_path: Path, environment: str) -> None:
    """A readable table of 80 columns: each component at rest and with visitors, one of each, and what sleeping saves."""
    done = deploy(
        tmp_path,
        environment,
        "--cost",
        "--events",
        "1000000",
        "--recommendations",
        "3628000",
        LOCAL_CLOUD_STATE=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout
    table = text.partition("ABOVE")[0].partition("Within")[0]
    assert all(len(line) <= 80 for line in table.splitlines())
    figures = {
        name: re.search(rf"^{name} +([\d,.]+)(?: +([\d,.]+))?", text, re.MULTILINE)
        for name in ("2 campaigns", "Firehose", "Together", "A million events", "Sleeping saves, a month")
    }
    assert all(figures.values()), text
    assert figures["2 campaigns"] is not None
    assert ("788.40", "938.40") == figures["2 campaigns"].groups()
    assert figures["Sleeping saves, a month"] is not None
    assert "788.40" == figures["Sleeping saves, a month"][1]
    assert "were not read on AWS's own pages" in " ".join(text.split())
    assert ("on this computer it costs nothing" in text) == (environment == "local")


def test_a_dry_run_without_credentials_shows_an_empty_account(tmp_path: Path) -> None:
    """The bill, the steps, what each stack would hold, and what credentials would add."""
    done = deploy(tmp_path, "dev", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout
    for part in (
        "2 idle campaigns",
        "A deploy to an empty account would:",
        "- Training, judging, promoting",
        "- dev-pets-campaigns: 2 Personalize Campaign",
        "No AWS credentials: nothing of dev was looked at",
        "whether they belong to account 123456789012",
    ):
        assert part in text
    assert "Traceback" not in text + done.stderr
