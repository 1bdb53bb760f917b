"""Where a server of this project listens, on the command line: `--bind` and `--allow-host`.

Standard library only: the emulator's environment runs it too.
"""

import argparse
from collections.abc import Iterable

from personalize_local.api.guard import HostNameError, host_name, is_loopback

LOOPBACK = "127.0.0.1"


def check_bind(address: str, allowed_hosts: Iterable[str]) -> None:
    """Raises HostNameError when others than this computer could ask at this address and no name was allowed for it."""
    if not is_loopback(host_name(address)) and not list(allowed_hosts):
        raise HostNameError(
            f"--bind {address} opens the server to other computers, and nothing here checks who asks. Say by which "
            "name it is asked for with --allow-host NAME (a container's name, for example), or leave --bind out."
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that serves: `--bind` and `--allow-host`."""
    parser.add_argument(
        "--bind", default=LOOPBACK, metavar="ADDRESS", help="default 127.0.0.1; any other needs --allow-host"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        type=_host_name,
        metavar="NAME",
        help="a name by which this server is asked for, beside this computer's; *.NAME: all below it; repeatable",
    )


def check_options(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Ends the command with what to give when the address is open to others and no name is allowed."""
    try:
        check_bind(given.bind, given.allow_host)
    except HostNameError as error:
        parser.error(str(error))


def _host_name(text: str) -> str:
    try:
        return host_name(text)
    except HostNameError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
