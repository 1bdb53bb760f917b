"""Stands as `app.py` in a checkout that tests deploy: what was synthesized of the same files is not synthesized again.

A synthesis costs four seconds of a processor, and a deploy that changes nothing makes the same templates again. The
checkout's own app, `synthesized_app.py`, runs for whatever is new; KEPT names the folder that keeps what it made.
"""

import contextlib
import hashlib
import json
import os
import runpy
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
APP = "synthesized_app.py"
KEPT = "synthesized.path"
_READ = (APP, "cdk.json", "config", "infra", "lambdas", "statemachines", "seed_data")
_OF_THE_CLI = (".cache", "*.lock")
_VARIABLES = ("CDK_ENVIRONMENT", "CDK_VALIDATION", "ACCOUNT_ID", "CDK_DEPLOY_REGION")


def _inputs() -> Iterator[bytes]:
    """All that the templates are made of: files, variables, and what the context says, files that it names included."""
    for name in _READ:
        path = HERE / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield str(file.relative_to(HERE)).encode()
                yield file.read_bytes()
    yield json.dumps([os.environ.get(name) for name in _VARIABLES]).encode()
    context = json.loads(os.environ["CDK_CONTEXT_JSON"])
    if deployed := context.pop("deployed_personalize", None):
        yield Path(deployed).read_bytes()
    yield json.dumps(context, sort_keys=True).encode()


def _digest() -> str:
    digest = hashlib.sha256()
    for part in _inputs():
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()


def main() -> None:
    kept = Path((HERE / KEPT).read_text(encoding="utf-8"))
    made, out = kept / _digest(), Path(os.environ["CDK_OUTDIR"])
    if made.is_dir():
        shutil.copytree(made, out, symlinks=True, dirs_exist_ok=True)
        return
    try:
        runpy.run_path(str(HERE / APP), run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise
    copy = Path(tempfile.mkdtemp(dir=kept)) / "assembly"
    shutil.copytree(out, copy, symlinks=True, ignore=shutil.ignore_patterns(*_OF_THE_CLI))
    with contextlib.suppress(OSError):  # another process was faster
        copy.rename(made)


if __name__ == "__main__":
    main()
