"""Synthesizing the app for tests: in this process for variants, by `app.py` itself for the four environments."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENTS = ("local", "dev", "staging", "prod")
DIGESTS = {"interactions_digest": "0123456789", "items_digest": "abcdef0123"}

# jsii's Node inherits these when aws_cdk is first imported, which the functions below do. Variants are not linted again:
# the environments are, by app.py and by cfn-lint.
os.environ.setdefault("JSII_NODE", str(Path(sys.executable).with_name("node")))
os.environ.setdefault("CDK_VALIDATION", "false")


_SCRATCH = tempfile.mkdtemp(prefix="synthesis-")
atexit.register(shutil.rmtree, _SCRATCH, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Synthesis:
    """A cloud assembly: its folder, and its templates by the stacks' short names."""

    folder: Path
    templates: Mapping[str, Any]

    def resources(self, stack: str, type_: str) -> dict[str, Any]:
        """The properties of the stack's resources of a type, by logical id."""
        return {
            id_: resource.get("Properties", {})
            for id_, resource in self.templates[stack]["Resources"].items()
            if resource["Type"] == type_
        }

    def resource(self, stack: str, type_: str) -> Any:
        """The properties of the stack's only resource of a type."""
        (properties,) = self.resources(stack, type_).values()
        return properties

    def everything(self) -> Iterator[tuple[str, str, Any]]:
        """(stack, logical id, resource) of all stacks."""
        for stack, template in self.templates.items():
            for id_, resource in template["Resources"].items():
                yield stack, id_, resource

    def statements(self) -> Iterator[tuple[str, Any]]:
        """(where, statement) of every identity and resource policy."""
        for stack, id_, resource in self.everything():
            yield from ((f"{stack}/{id_}", statement) for statement in _statements(resource.get("Properties", {})))


def synthesize(
    environment: str = "dev",
    *,
    folder: Path | None = None,
    context: Mapping[str, str] | None = None,
    extra: Callable[[Mapping[str, Any]], object] | None = None,
    **changes: Any,
) -> Synthesis:
    """The environment's stacks with some keys of its config changed (`rerankingEnabled=False`).

    `extra` may add to the stacks before they are synthesized. Raises RuntimeError where a check fails.
    """
    import aws_cdk as cdk
    import yaml

    from infra.settings import CONFIG_FOLDER, Settings
    from infra.stacks.application import build_stacks, read_deployment

    raw = yaml.safe_load((CONFIG_FOLDER / f"{environment}.yaml").read_text())
    settings = Settings.model_validate(raw | {"environment": environment} | changes)
    feature_flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    folder = folder or Path(tempfile.mkdtemp(dir=_SCRATCH))
    app = cdk.App(context=feature_flags, outdir=str(folder))
    stacks = build_stacks(app, settings=settings, deployment=read_deployment(settings, DIGESTS | dict(context or {})))
    if extra is not None:
        extra(stacks)
    app.synth()
    return read_assembly(folder, environment)


NO_NETWORK_NODE = """
require('net').Socket.prototype.connect = () => { throw new Error('no network in this test'); };
require('dns').lookup = () => { throw new Error('no network in this test'); };
"""
NO_NETWORK_PYTHON = """
import socket

def refuse(*_):
    raise OSError("no network in this test")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def isolated(folder: Path) -> dict[str, str]:
    """Environment variables of a process that has no credentials, no network and nothing else of this process's."""
    (folder / "no_network.js").write_text(NO_NETWORK_NODE)
    (folder / "sitecustomize.py").write_text(NO_NETWORK_PYTHON)
    return {
        "NODE_OPTIONS": f"--require={folder / 'no_network.js'}",
        "PYTHONPATH": str(folder),
        "PATH": os.environ["PATH"],
        # The home folder holds jsii's cache; the AWS files that could lie there are pointed away from.
        "HOME": str(Path.home()),
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run_app(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python app.py` in an isolated process."""
    own = {"CDK_OUTDIR": str(folder / "cdk.out"), "CDK_CONTEXT_JSON": json.dumps(DIGESTS)}
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        env=isolated(folder) | own | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def read_assembly(folder: Path, environment: str) -> Synthesis:
    """The templates of an assembly's folder."""
    prefix = f"{environment}-pets-"
    return Synthesis(
        folder=folder,
        templates={
            path.name.removeprefix(prefix).removesuffix(".template.json"): json.loads(path.read_text())
            for path in sorted(folder.glob(f"{prefix}*.template.json"))
        },
    )


def _statements(properties: Any) -> Iterator[Any]:
    if isinstance(properties, dict):
        for key, value in properties.items():
            if key == "Statement":
                yield from value
            else:
                yield from _statements(value)
    elif isinstance(properties, list):
        for value in properties:
            yield from _statements(value)


def as_list(value: Any) -> list[Any]:
    """IAM allows one value where it allows a list."""
    return value if isinstance(value, list) else [value]
