"""`python -m personalize_local`: Amazon Personalize on this computer."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn

from personalize_local.api.app import App
from personalize_local.api.bind import add_options, check_options
from personalize_local.api.server import config
from personalize_local.data.private import SharedFolderError, keep_to_owner
from personalize_local.model.resources import Account
from personalize_local.settings.options import Options
from personalize_local.settings.quotas import QuotaFileError, Quotas, Rates, read_quotas

_DESCRIPTION = """Serve the Amazon Personalize API: control plane, events and runtime on one port of 127.0.0.1.
Programs of this computer are answered; pages that a browser shows are not.

Point any AWS SDK at it with AWS_ENDPOINT_URL_PERSONALIZE, AWS_ENDPOINT_URL_PERSONALIZE_EVENTS and
AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME. Ctrl-C or SIGTERM stops it; what it acknowledged is kept either way."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m personalize_local",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="folder that everything is kept in")
    add("--port", type=int, default=4600, help="default 4600")
    add_options(made)
    add(
        "--s3-root",
        type=Path,
        metavar="DIR",
        help="folder whose sub-folders are the buckets; symbolic links below it are not followed",
    )
    add(
        "--s3-endpoint",
        metavar="URL",
        help="an S3 in place of folders; default AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL; jobs are refused without",
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


def read(made: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, of which every part can be used; ends the program with one line where one cannot."""
    given = made.parse_args(arguments)
    check_options(made, given)
    try:
        keep_to_owner(given.data.resolve())
    except SharedFolderError as error:
        made.error(f"--data: {error}")
    return given


def options(given: argparse.Namespace) -> Options:
    """What the command line says."""
    return Options(
        folder=given.data.resolve(),
        account=Account(given.account, given.region),
        pace=given.pace,
        s3_root=given.s3_root.resolve() if given.s3_root else None,
        s3_endpoint=given.s3_endpoint,
        synchronous=given.durability,
        quotas=given.quotas[0],
        rates=given.quotas[1],
        record_delay=given.record_delay,
        update_interval=given.update_interval,
    )


def serve(app: Any, given: argparse.Namespace) -> None:
    """Serve an application, e.g. `App(options(given))`, where the command line says, until a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvicorn.Server(config(app, allowed_hosts=given.allow_host, host=given.bind, port=given.port)).run()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal comes."""
    given = read(parser(), arguments)
    serve(App(options(given)), given)


if __name__ == "__main__":
    main()
