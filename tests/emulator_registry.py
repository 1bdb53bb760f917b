"""The registry schemas of the emulator's own types from the installed cfn-lint, without what validates nothing.

python -m tests.emulator_registry     # writes them to local_cloud/emulator/cloudformation/registry_types.json
"""

import json
from importlib import resources
from typing import Any

from local_cloud.emulator.cloudformation.resources import RESOURCE_TYPES
from local_cloud.emulator.cloudformation.services import SERVICE_TYPES
from local_cloud.emulator.cloudformation.validation import TYPES_FILE

_KEPT = ("additionalProperties", "definitions", "properties", "readOnlyProperties", "required")
_TELLS_ONLY = ("description", "format", "insertionOrder", "title", "examples")


def stripped() -> dict[str, Any]:
    """The schemas of the types that the emulator makes, by type name."""
    found = {}
    for file in sorted(
        resources.files("cfnlint").joinpath("data/schemas/resources").iterdir(), key=lambda one: one.name
    ):
        if file.name.endswith(".json"):
            schema = json.loads(file.read_text(encoding="utf-8"))
            if schema["typeName"] in {*RESOURCE_TYPES, *SERVICE_TYPES}:
                found[schema["typeName"]] = {key: _validating(schema[key]) for key in _KEPT if key in schema}
    return dict(sorted(found.items()))


def _validating(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_validating(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # A property may have the name of a keyword: what describes is a text or a truth, a property never is.
    return {key: _validating(item) for key, item in schema.items() if key not in _TELLS_ONLY or isinstance(item, dict)}


def text() -> str:
    """The file's content."""
    return json.dumps(stripped(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    TYPES_FILE.write_text(text(), encoding="utf-8")
