"""The AWS CLI in one process: it starts once, and forks for each command. Starting it takes longer than its commands.

python aws_cli.py SOCKET               serves, in the CLI's own environment
python aws_cli.py SOCKET COMMAND ...   has one command carried out there, with its own files and exit code
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable


def serve(address: str) -> None:
    """Carries out one command for each connection, in a process of its own, until it is terminated."""
    from awscli.clidriver import create_clidriver

    driver = create_clidriver()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        while True:
            connection, _ = listening.accept()
            with connection:
                if os.fork() == 0:
                    _carry_out(connection, driver.main)


def _carry_out(connection: socket.socket, command: Callable[[list[str]], int | None]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 255
    try:
        text, files, _, _ = socket.recv_fds(connection, 1 << 16, 3)
        for number, file in enumerate(files):
            os.dup2(file, number)
        code = command(json.loads(text)) or 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(bytes([code]))
        os._exit(0)


def ask(address: str, arguments: list[str]) -> int:
    """The exit code of the command, which reads and writes this process's files."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [json.dumps(arguments).encode()], [0, 1, 2])
        return connection.recv(1)[0]


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
    serve(sys.argv[1])
