"""The front of every command: one message for an error that can be mended, and an exit code, the same for all.

0 done; 1 something failed, or whoever read the output went away; 2 the command line or the config cannot be used;
130 interrupted. An error may have another exit code of its own (`ToolError`).
"""

import os
import sys

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from infra.settings import SettingsError
from tools.environment.errors import ToolError, UsageError

INTERRUPTED = 130


def run(
    app: typer.Typer, *known: type[Exception], interrupted: str = "interrupted; start it again to go on from here"
) -> int:
    """Runs a command line and returns its exit code.

    `known` are errors besides those of all commands whose text is a message for people. `interrupted` is said after
    Ctrl-C.
    """
    try:
        # Typer returns the exit code of `--help` and of an interrupt, instead of raising.
        code = int(app(standalone_mode=False) or 0)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer goes nowhere: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except ToolError as error:
        return _fail(str(error), error.exit_code)
    except SettingsError as error:
        return _fail(str(error), UsageError.exit_code)
    except (ClientError, BotoCoreError) as error:
        return _fail(f"AWS refused or could not be reached: {error}", 1)
    except known as error:
        return _fail(str(error), 1)
    except Exception as error:
        # Click's own errors (an unknown option) are not part of typer's public names.
        if type(error).__module__.startswith(("click.", "typer.")) and hasattr(error, "format_message"):
            return _fail(str(error.format_message()), UsageError.exit_code)
        raise
    return _fail(interrupted, INTERRUPTED) if code == INTERRUPTED else code


def _fail(message: str, code: int) -> int:
    Console(stderr=True, highlight=False).print(f"[red]error:[/red] {escape(message)}", soft_wrap=True)
    return code
