"""The CDK app: `CDK_ENVIRONMENT=ENV python app.py` synthesizes the environment, without credentials or network.

The only reader of environment variables in the infrastructure:

- `CDK_ENVIRONMENT`: which `config/ENV.yaml` (default `dev`);
- `ACCOUNT_ID`, `CDK_DEPLOY_REGION`: override the config's account and region;
- `CDK_OUTDIR`: where to write (CDK's own), default `cdk.out`.
"""

import json
import os
import sys
from pathlib import Path

# jsii starts Node at the first import of aws_cdk; the one from the requirements needs no installation of its own.
_NODE = Path(sys.executable).with_name("node")
if _NODE.is_file():
    os.environ.setdefault("JSII_NODE", str(_NODE))

import aws_cdk as cdk  # noqa: E402
from jsii.errors import JavaScriptError  # noqa: E402

from infra.settings import SettingsError, load_settings  # noqa: E402
from infra.stacks.application import CONTEXT_KEYS, build_stacks, read_deployment  # noqa: E402

ROOT = Path(__file__).resolve().parent


def main() -> None:
    """Synthesize the environment that the variables name; raises SettingsError where that cannot be."""
    settings = load_settings(
        os.environ.get("CDK_ENVIRONMENT") or "dev",
        account=os.environ.get("ACCOUNT_ID"),
        region=os.environ.get("CDK_DEPLOY_REGION"),
    )
    # The CDK CLI hands its context over in the environment; run by itself, the app reads the file that the CLI reads.
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = cdk.App(context=context, outdir=os.environ.get("CDK_OUTDIR") or str(ROOT / "cdk.out"))
    deployment = read_deployment(settings, {key: app.node.try_get_context(key) for key in CONTEXT_KEYS})
    build_stacks(app, settings=settings, deployment=deployment)
    app.synth()


def run() -> int:
    """Synthesizes; returns 1 after one message where config or templates do not allow it: neither is a bug."""
    try:
        main()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    except RuntimeError as error:
        # What the CDK itself says; a fault in Python keeps its traceback, through the CDK too.
        if not isinstance(error.__cause__, JavaScriptError):
            raise
        print(f"the templates could not be made: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run())
