"""`./deploy.sh ENV`: deploys the recommender to AWS or to this computer, shows it, or takes it away."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import (
    ConnectionError as AwsConnectionError,
)
from rich.console import Console

from infra.settings import CONFIG_FOLDER
from tools.deploy.base.errors import DeployError
from tools.deploy.cdk import REPOSITORY
from tools.deploy.confirm import Confirm
from tools.deploy.cost_report import report_costs
from tools.deploy.costs import Traffic
from tools.deploy.run import Deployment
from tools.deploy.show import Display
from tools.environment.connection import STATE_VARIABLE, Connection, NotConnectedError, connect, state_folder
from tools.environment.errors import UsageError
from tools.environment.front import run

MOST = 10**12
"""Of anything a month: beyond, a slip of the keyboard."""
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(help=__doc__)
def deploy(
    environment: Annotated[
        str,
        typer.Argument(metavar="ENV", help="local, or one that config/ENV.yaml describes.", envvar="CDK_ENVIRONMENT"),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    destroy: Annotated[bool, typer.Option("--destroy", help="Take the environment away, after asking.")] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="With --destroy: the archive of a protected environment too.")
    ] = False,
    sleep: Annotated[
        bool, typer.Option("--sleep", help="Take the campaigns away until --wake; the popular list answers.")
    ] = False,
    wake: Annotated[bool, typer.Option("--wake", help="Bring the campaigns back, without a training.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start the first training and end.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    cost: Annotated[
        bool, typer.Option("--cost", help="Show what it costs a month; needs no credentials, changes nothing.")
    ] = False,
    events: Annotated[str | None, typer.Option("--events", metavar="N", help="With --cost: events a month.")] = None,
    recommendations: Annotated[
        str | None,
        typer.Option("--recommendations", metavar="N", help="With --cost: requests to recommend a month."),
    ] = None,
    rerankings: Annotated[
        str | None, typer.Option("--rerankings", metavar="N", help="With --cost: requests to rerank a month.")
    ] = None,
    state: Annotated[Path | None, typer.Option("--state", help="State folder of the local cloud.")] = None,
) -> None:
    """Checks the command line, then does what it says."""
    if not environment:
        raise UsageError(f"say which environment: ./deploy.sh ENV, ENV being one of {_environments()}")
    if purge and not destroy:
        raise UsageError("--purge goes with --destroy")
    if sleep and wake:
        raise UsageError("--sleep and --wake are two; say one of them")
    if (sleep or wake) and (dry_run or destroy or no_wait):
        raise UsageError(
            f"{'--sleep' if sleep else '--wake'} goes with none of --dry-run, --destroy and --no-wait: it deploys,"
            " removes and trains nothing"
        )
    if dry_run and (destroy or no_wait):
        raise UsageError("--dry-run shows a deploy; it goes with neither --destroy nor --no-wait")
    traffic = {"events": events, "recommendations": recommendations, "rerankings": rerankings}
    given = {name: _count(name, text) for name, text in traffic.items() if text is not None}
    if given and not cost:
        raise UsageError(f"--{next(iter(given))} goes with --cost")
    if cost and (dry_run or destroy or no_wait or yes or sleep or wake):
        raise UsageError(
            "--cost shows what a month costs; it goes with --events, --recommendations and --rerankings only"
        )
    if state is not None:
        os.environ[STATE_VARIABLE] = str(state.resolve())
    display = Display(Console(highlight=False))
    connection = connect(environment)
    if cost:
        report_costs(connection, display, Traffic(**given))
        return
    reachable = _reach(connection, display, dry=dry_run)
    output = (state_folder() if connection.is_local else REPOSITORY / "cdk.out") / "deploy" / environment
    confirm = Confirm(display, yes=yes, is_local=connection.is_local, interactive=sys.stdin.isatty())
    with _alone(output, environment):
        deployment = Deployment(connection, display, output)
        if dry_run:
            deployment.dry_run(reachable=reachable)
        elif destroy:
            deployment.destroy(purge=purge, confirm=confirm)
        elif sleep:
            deployment.sleep()
        elif wake:
            deployment.wake()
        else:
            deployment.deploy(wait=not no_wait, confirm=confirm)


def main() -> int:
    """Runs the command line. Returns its exit code: that of every command, or 3 when the gate held a model back."""
    # A terminated deploy cleans up as an interrupted one does: it ends the CDK and releases the lock.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return run(app)


def _reach(connection: Connection, display: Display, *, dry: bool) -> bool:
    """Makes sure that the environment answers.

    A dry run goes on without: it returns False where the local cloud is down, or where there are no credentials at all.
    Credentials that do not work are an error for it too: whoever has some wants to see what stands.
    """
    if connection.is_local:
        if dry:
            return _is_up(connection)
        with display.stage("Starting the local cloud"):
            command = [sys.executable, "-m", "local_cloud", "up", "--state", str(connection.state)]
            started = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
            if started.returncode:
                raise DeployError(f"the local cloud did not start:\n{(started.stderr or started.stdout).strip()}")
        return True
    settings = connection.settings
    with display.stage("Checking the credentials") as result:
        try:
            account = connection.client("sts").get_caller_identity()["Account"]
        except NoCredentialsError as error:
            if dry:
                result.text = "none"
                return False
            raise DeployError(
                f"no AWS credentials for {settings.environment}: set AWS_PROFILE, or log in with `aws sso login`"
            ) from error
        except (ClientError, BotoCoreError) as error:
            raise DeployError(_why_not(settings.environment, error)) from error
        if account != settings.account:
            raise UsageError(
                f"the credentials belong to account {account}, but {settings.environment} is to be in"
                f" {settings.account}: set ACCOUNT_ID={account}, or `account` in config/{settings.environment}.yaml"
            )
        result.text = f"account {account}, {settings.region}"
    return True


def _count(name: str, text: str) -> int:
    """How many of something a month."""
    digits = text.replace("_", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MOST)) and int(digits) <= MOST):
        raise UsageError(f"--{name} is {text[:40]!r}; it must be a whole number from 0 to {MOST}")
    return int(digits)


def _why_not(environment: str, error: ClientError | BotoCoreError) -> str:
    """Why the credentials are of no use: they were good once, nobody could be asked, or they never were."""
    expired = f"the AWS credentials for {environment} have expired: log in again with `aws sso login`"
    if isinstance(error, (SSOError, TokenRetrievalError)):
        return f"{expired} ({error})"
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in _EXPIRED:
        return f"{expired}, or set fresh ones ({error})"
    if isinstance(error, (AwsConnectionError, HTTPClientError)):
        return f"AWS could not be reached to check the credentials for {environment}: {error}"
    return f"the AWS credentials for {environment} do not work: {error}"


def _is_up(connection: Connection) -> bool:
    try:
        connection.client("sts").get_caller_identity()
    except (NotConnectedError, BotoCoreError):
        return False
    return True


@contextmanager
def _alone(output: Path, environment: str) -> Iterator[None]:
    """Lets one deploy of the environment at a time work in `output`."""
    output.mkdir(parents=True, exist_ok=True)
    with (output / "running").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DeployError(f"another ./deploy.sh {environment} is running here; wait until it has ended") from error
        yield


def _environments() -> str:
    return ", ".join(sorted(re.sub(r"\.yaml$", "", path.name) for path in CONFIG_FOLDER.glob("*.yaml")))


if __name__ == "__main__":
    sys.exit(main())
