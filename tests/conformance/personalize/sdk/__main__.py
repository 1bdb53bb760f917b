"""`python -m tests.conformance.personalize.sdk boto3|cli|javascript`: the scenario with one client, on a new server."""

import argparse
import tempfile
import time
from pathlib import Path

from personalize_local.testing import LocalPersonalize
from tests.conformance.personalize.sdk.clients import SCENARIOS
from tests.conformance.personalize.sdk.scenario import seed


def main() -> None:
    """Run it and say so."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.personalize.sdk", description=__doc__)
    parser.add_argument("client", choices=SCENARIOS)
    client = parser.parse_args().client
    with tempfile.TemporaryDirectory() as folder, LocalPersonalize(Path(folder)) as server:
        seed(server.s3_root)
        started = time.monotonic()
        SCENARIOS[client](server.endpoint)
        print(f"{client}: from schema to recommendations to nothing in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
