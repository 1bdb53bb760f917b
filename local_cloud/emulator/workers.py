"""Starting the processes in which Python functions run (lambda_worker.py), with their code unpacked once for all.

MiniStack unpacks code and layers anew for each process and so compiles every module again; several processes of one
function start together when its stream has several shards. Here packages lie unpacked by their digest, shared by all
processes, which makes a cold start several times cheaper.
"""

import contextlib
import hashlib
import io
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from local_cloud.emulator import lambda_worker
from local_cloud.identity.principals import ACCOUNT_KEY, role_session

_FILE = Path(lambda_worker.__file__)


def install() -> None:
    """Lets MiniStack start Python functions in our process."""
    from ministack.core import lambda_runtime
    from ministack.services import iam, lambda_svc

    others: Callable[[Any], None] = lambda_runtime.Worker._spawn

    def spawn(worker: Any) -> None:
        if not str(worker.config.get("Runtime", "")).startswith("python"):
            others(worker)
            return
        layers = [lambda_svc._resolve_layer_zip(reference) for reference in worker.config.get("Layers", [])]
        start(worker, layers, credentials(str(worker.config.get("Role", "")), iam._roles))

    lambda_runtime.Worker._spawn = spawn


def start(worker: Any, layers: list[bytes], credentials: dict[str, str]) -> None:
    """Starts the worker's process and hands it its function; returns when it is ready for invocations."""
    config = worker.config
    code = unpacked(worker.code_zip)
    module, _, handler = config["Handler"].rpartition(".")
    process = subprocess.Popen(
        # -P: the folder of that file, with the modules of the local cloud, is not on the function's path.
        [sys.executable, "-P", str(_FILE)],
        cwd=code,
        env=environment(config, code, [unpacked(layer) for layer in layers]) | credentials,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        bufsize=1,
    )
    output: queue.Queue[str] = queue.Queue()
    worker._proc, worker._stderr_queue, worker._start_time = process, output, time.time()

    def read_output() -> None:
        worker._read_stderr()
        # A process that died says no more where its output ends: nobody is to wait for that.
        output.put(lambda_worker.END_OF_OUTPUT)

    worker._stderr_thread = threading.Thread(target=read_output, name=f"output-{worker.func_name}", daemon=True)
    worker._stderr_thread.start()
    function = {
        "code_dir": str(code),
        "module": module.replace("/", "."),
        "handler": handler,
        "function_name": config["FunctionName"],
        "memory": config.get("MemorySize", 128),
        "arn": config.get("FunctionArn", ""),
    }
    assert process.stdin is not None  # noqa: S101 (a pipe, as asked for)
    assert process.stdout is not None  # noqa: S101
    with contextlib.suppress(BrokenPipeError):  # it ended already: its exit code says why
        process.stdin.write(json.dumps(function) + "\n")
        process.stdin.flush()
    if not process.stdout.readline():
        raise RuntimeError(f"the process of {worker.func_name} ended with code {process.wait()} before it was ready")


def credentials(role_arn: str, roles: Container[str]) -> dict[str, str]:
    """What a function signs its calls with: its role's session; the account's key where there is no such role."""
    session = role_session(role_arn, "lambda")
    if session.role not in roles:
        return {"AWS_ACCESS_KEY_ID": ACCOUNT_KEY, "AWS_SECRET_ACCESS_KEY": ACCOUNT_KEY, "AWS_SESSION_TOKEN": ""}
    return {
        "AWS_ACCESS_KEY_ID": session.access_key,
        "AWS_SECRET_ACCESS_KEY": session.secret_key,
        "AWS_SESSION_TOKEN": session.token,
    }


def environment(config: dict[str, Any], code: Path, layers: list[Path]) -> dict[str, str]:
    """What the function finds in its environment: the emulator's own, AWS's variables, and the function's.

    Source: Lambda Developer Guide, "Defined runtime environment variables".
    """
    region = str(config.get("FunctionArn", "")).split(":")[3:4]
    return {
        **os.environ,
        "AWS_LAMBDA_FUNCTION_NAME": str(config["FunctionName"]),
        "AWS_LAMBDA_FUNCTION_VERSION": str(config.get("Version", "$LATEST")),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{config['FunctionName']}",
        "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        **({"AWS_REGION": region[0], "AWS_DEFAULT_REGION": region[0]} if region else {}),
        "LAMBDA_TASK_ROOT": str(code),
        "_HANDLER": str(config["Handler"]),
        "_LAMBDA_LAYERS_DIRS": os.pathsep.join(map(str, layers)),
        **config.get("Environment", {}).get("Variables", {}),
    }


def unpacked(package: bytes) -> Path:
    """The folder with the archive's content; unpacked at its first use."""
    folder = Path(tempfile.gettempdir()) / "packages" / hashlib.sha256(package).hexdigest()
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    arriving = Path(tempfile.mkdtemp(dir=folder.parent))
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        archive.extractall(arriving)
    try:
        arriving.rename(folder)
    except OSError:
        # Another thread was faster; its folder has the same content.
        shutil.rmtree(arriving)
    return folder
