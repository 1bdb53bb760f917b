"""`python -m local.personalize`: Amazon Personalize on this computer."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn

from local.personalize.app import SERVER, App
from local.personalize.options import Options
from local.personalize.quotas import QuotaFileError, Quotas, read_quotas
from local.personalize.resources import Account
from local.personalize.throttling import Rates

_DESCRIPTION = """Serve the Amazon Personalize API: control plane, events and runtime on one port of 127.0.0.1.

Point any AWS SDK at it with AWS_ENDPOINT_URL_PERSONALIZE, AWS_ENDPOINT_URL_PERSONALIZE_EVENTS and
AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME. Ctrl-C or SIGTERM stops it; what it acknowledged is kept either way."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m local.personalize",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="folder that everything is kept in")
    add("--port", type=int, default=4600, help="default 4600")
    add(
        "--s3-root",
        type=Path,
        metavar="DIR",
        help="folder whose sub-folders are the buckets; without it S3 is where AWS_ENDPOINT_URL says",
    )
    add(
        "--pace",
        type=_seconds,
        default=0.2,
        metavar="SECONDS",
        help="time in each PENDING and IN_PROGRESS status at least; default 0.2",
    )
    add("--account", default="000000000000", help="account id in ARNs; default 000000000000")
    add("--region", default="us-east-1", help="region in ARNs; default us-east-1")
    add(
        "--durability",
        choices=("NORMAL", "FULL"),
        default="NORMAL",
        help="NORMAL (default) keeps acknowledged events over kill -9, FULL over loss of power too",
    )
    add(
        "--quotas",
        type=_quotas,
        default=(Quotas(), None),
        metavar="FILE",
        help="TOML file with other quotas than the documented ones; its table [rates] switches throttling on",
    )
    add(
        "--record-delay",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="time until filters see a put item or user; default 0, the service takes up to 1200",
    )
    add(
        "--update-interval",
        type=_seconds,
        default=7200.0,
        metavar="SECONDS",
        help="time between automatic updates, which bring new items in; default 7200, as the service",
    )
    return made


def _quotas(text: str) -> tuple[Quotas, Rates | None]:
    try:
        return read_quotas(Path(text))
    except QuotaFileError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be zero or more seconds")
    return seconds


def options(given: argparse.Namespace) -> Options:
    """What the command line says."""
    return Options(
        folder=given.data.resolve(),
        account=Account(given.account, given.region),
        pace=given.pace,
        s3_root=given.s3_root.resolve() if given.s3_root else None,
        synchronous=given.durability,
        quotas=given.quotas[0],
        rates=given.quotas[1],
        record_delay=given.record_delay,
        update_interval=given.update_interval,
    )


def serve(app: Any, port: int) -> None:
    """Serve an application, e.g. `App(options)`, until a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvicorn.run(app, host="127.0.0.1", port=port, **SERVER)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal comes."""
    given = parser().parse_args(arguments)
    serve(App(options(given)), given.port)


if __name__ == "__main__":
    main()
