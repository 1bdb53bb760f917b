"""`python -m local.personalize`: Amazon Personalize on this computer."""

import logging
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from local.personalize.app import App
from local.personalize.resources import Account
from local.personalize.service import Options


def serve(
    data: Annotated[Path, typer.Option(help="Folder that everything is kept in.")],
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 4600,
    s3_root: Annotated[
        Path | None,
        typer.Option(help="Folder whose sub-folders are the buckets. Without it, S3 as AWS_ENDPOINT_URL says."),
    ] = None,
    pace: Annotated[float, typer.Option(help="Seconds in each PENDING and IN_PROGRESS status at least.", min=0)] = 0.2,
    account: Annotated[str, typer.Option(help="Account id in ARNs.")] = "000000000000",
    region: Annotated[str, typer.Option(help="Region in ARNs.")] = "us-east-1",
    durability: Annotated[
        str,
        typer.Option(help="NORMAL keeps acknowledged events over kill -9, FULL over loss of power too."),
    ] = "NORMAL",
) -> None:
    """Serve the Amazon Personalize API: control plane, events and runtime on one port.

    Point any AWS SDK at it with AWS_ENDPOINT_URL_PERSONALIZE, AWS_ENDPOINT_URL_PERSONALIZE_EVENTS and
    AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME. Ctrl-C or SIGTERM stops it; what it acknowledged is kept either way.
    """
    if durability not in ("NORMAL", "FULL"):
        raise typer.BadParameter("durability must be NORMAL or FULL")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    options = Options(
        folder=data.resolve(),
        account=Account(account, region),
        pace=pace,
        s3_root=s3_root.resolve() if s3_root else None,
        synchronous=durability,
    )
    uvicorn.run(App(options), host="127.0.0.1", port=port, access_log=False, log_level="warning", lifespan="on")


if __name__ == "__main__":
    typer.run(serve)
