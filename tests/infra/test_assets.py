"""What is uploaded: each function's own package and the shared one, and a pure-Python layer."""

import json
from pathlib import Path

import pytest

from infra.settings import SettingsError
from tests.infra.synthesis import ROOT, Synthesis, synthesize

PACKAGES = ("forward_events", "recommend", "rerank", "evaluate_version")
COMPILED = (".pyc", ".pyo", ".so", ".pyd", ".dll", ".dylib", ".c", ".o", ".a")


def _asset(synthesis: Synthesis, s3_key: str) -> Path:
    """The folder that is uploaded under a key of the templates."""
    (folder,) = synthesis.folder.glob(f"asset.{s3_key.removesuffix('.zip')}")
    return folder


def _packages(synthesis: Synthesis) -> dict[str, Path]:
    """The folder of each function's code, by handler package."""
    return {
        function["Handler"].split(".")[1]: _asset(synthesis, function["Code"]["S3Key"])
        for stack in synthesis.templates
        for function in synthesis.resources(stack, "AWS::Lambda::Function").values()
    }


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_function_is_its_own_package_and_the_shared_one(dev: Synthesis, package: str) -> None:
    """Every Python and data file of the two, and nothing else: no other handler, no test, no requirements."""
    sources = {
        path.relative_to(ROOT).as_posix()
        for folder in (ROOT / "lambdas" / package, ROOT / "lambdas" / "shared")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in (".py", ".json") and "__pycache__" not in path.parts
    }
    assert sources | {"lambdas/__init__.py"} == _files(_packages(dev)[package])


def test_the_layer_is_pure_python(dev: Synthesis) -> None:
    """No compiled file and no C source: the same layer runs on any architecture and Python."""
    layers = {
        _asset(dev, layer["Content"]["S3Key"])
        for stack in dev.templates
        for layer in dev.resources(stack, "AWS::Lambda::LayerVersion").values()
    }
    (layer,) = layers
    files = _files(layer)
    assert "python/aws_lambda_powertools/__init__.py" in files
    assert [] == sorted(file for file in files if file.endswith(COMPILED))


def test_the_layer_holds_what_the_handlers_need_and_no_more(dev: Synthesis) -> None:
    """Powertools, the tracer's SDK and what these import; no stubs, no metadata, nothing that the runtime has."""
    (function,) = dev.resources("ingestion", "AWS::Lambda::LayerVersion").values()
    files = _files(_asset(dev, function["Content"]["S3Key"]))
    assert {"aws_lambda_powertools", "aws_xray_sdk", "jmespath", "typing_extensions.py", "wrapt"} == {
        file.split("/")[1] for file in files
    }
    assert {file.split("/")[0] for file in files} == {"python"}


def test_a_functions_package_does_not_change_with_another_handler(dev: Synthesis, prod: Synthesis) -> None:
    """The asset's hash is its content's: the same code is the same upload in every environment."""
    hashes = {package: folder.name for package, folder in _packages(dev).items()}
    assert hashes == {package: folder.name for package, folder in _packages(prod).items()}
    assert len(PACKAGES) == len(set(hashes.values()))


def test_functions_use_their_own_stacks_layer(dev: Synthesis) -> None:
    """A layer version shared between stacks could not be replaced while another stack uses it."""
    for stack in ("ingestion", "training", "serving"):
        layers = set(dev.resources(stack, "AWS::Lambda::LayerVersion"))
        for function in dev.resources(stack, "AWS::Lambda::Function").values():
            assert [{"Ref": layer} for layer in layers] == function["Layers"], json.dumps(function["Layers"])


def test_a_missing_layer_says_how_to_make_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not an error of the library about a path."""
    monkeypatch.setattr("infra.shared.functions.LAYER_FOLDER", tmp_path)
    with pytest.raises(SettingsError, match="build/layer/python does not exist: run `make setup`"):
        synthesize()
