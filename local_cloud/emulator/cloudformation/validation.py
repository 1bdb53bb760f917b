"""Properties of resources of our own types, held against their registry schemas before anything is made.

CloudFormation validates a resource's properties with its type's schema and ends the resource with the messages of that
validation. The schemas (registry_types.json) are those of the CloudFormation registry, as cfn-lint ships them; a
test holds the file against the installed cfn-lint. The messages are those of CloudFormation's own validator, which
hides the values of what is not about size or presence:
https://github.com/aws-cloudformation/cloudformation-resource-schema (Validator, ValidationException)
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html

A template's parameters are texts: a text that spells a number or a boolean is taken for one, and a number for a text.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local_cloud.services.shapes import compiled

TYPES_FILE = Path(__file__).with_name("registry_types.json")

Schema = Mapping[str, Any]


class PropertiesError(ValueError):
    """Properties that a resource's schema does not allow; the text is the stack event's reason."""


def check(resource_type: str, logical_id: str, properties: Mapping[str, Any]) -> None:
    """Raises PropertiesError when the resolved properties of a resource break its type's schema."""
    schema = schemas()[resource_type]
    # The stack engine adds its own tags, which no template may name.
    tags = [tag for tag in _listed(properties.get("Tags")) if not _is_the_engines(tag)]
    given = {key: value for key, value in properties.items() if key != "Tags"}
    if tags or ("Tags" in properties and not isinstance(properties["Tags"], list)):
        given["Tags"] = tags or properties["Tags"]
    found = [*_read_only(schema, given), *violations({"type": "object", **schema}, given, schema)]
    if found:
        told = "\n".join(found)
        raise PropertiesError(f"Properties validation failed for resource {logical_id} with message: {told}")


@functools.cache
def schemas() -> Mapping[str, Schema]:
    """The schemas by type name."""
    content: Mapping[str, Schema] = json.loads(TYPES_FILE.read_text(encoding="utf-8"))
    return content


def violations(schema: Schema, value: Any, root: Schema, pointer: str = "#") -> Iterator[str]:
    """Each rule of a schema that a value breaks, in CloudFormation's words."""
    if "$ref" in schema:
        referred = root["definitions"][schema["$ref"].removeprefix("#/definitions/")]
        yield from violations(referred, value, root, pointer)
        return
    wanted = schema.get("type")
    if wanted and not _is_a(wanted, value):
        yield f"{pointer}: expected type: {_NAMES[wanted]}, found: {_found(value)}"
        return
    match wanted:
        case "object":
            yield from _of_object(schema, value, root, pointer)
        case "array":
            yield from _of_array(schema, value, root, pointer)
        case "string":
            yield from _of_text(schema, _text(value), pointer)
        case "integer" | "number":
            yield from _of_number(schema, float(value), pointer)
    if "enum" in schema and _text(value) not in schema["enum"]:
        yield f"{pointer}: #: only 1 subschema matches out of 2"
        yield _hidden(pointer, "enum")


def _of_object(schema: Schema, value: Mapping[str, Any], root: Schema, pointer: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{pointer}: required key [{name}] not found"
    if len(value) > schema.get("maxProperties", len(value)):
        yield f"{pointer}: maximum size: [{schema['maxProperties']}], found: [{len(value)}]"
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, item in value.items():
        rules = [known[name]] if name in known else [rule for key, rule in patterns.items() if re.search(key, name)]
        if not rules and schema.get("additionalProperties") is False:
            yield f"{pointer}: extraneous key [{name}] is not permitted"
        for rule in rules:
            yield from violations(rule, item, root, f"{pointer}/{name}")


def _of_array(schema: Schema, value: list[Any], root: Schema, pointer: str) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{pointer}: expected minimum item count: {schema['minItems']}, found: {len(value)}"
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{pointer}: expected maximum item count: {schema['maxItems']}, found: {len(value)}"
    if schema.get("uniqueItems") and len({json.dumps(item, sort_keys=True) for item in value}) < len(value):
        yield f"{pointer}: array items are not unique"
    for place, item in enumerate(value):
        yield from violations(schema.get("items", {}), item, root, f"{pointer}/{place}")


def _of_text(schema: Schema, value: str, pointer: str) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield f"{pointer}: expected minLength: {schema['minLength']}, actual: {len(value)}"
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{pointer}: expected maxLength: {schema['maxLength']}, actual: {len(value)}"
    if "pattern" in schema and not compiled(schema["pattern"]).search(value):
        yield _hidden(pointer, "pattern")


def _of_number(schema: Schema, value: float, pointer: str) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield _hidden(pointer, "minimum")
    if value > schema.get("maximum", value):
        yield _hidden(pointer, "maximum")


def _read_only(schema: Schema, properties: Mapping[str, Any]) -> Iterator[str]:
    """What a resource gets and no template gives. The words of the service for it are not documented."""
    for pointer in schema["readOnlyProperties"]:
        name = pointer.removeprefix("/properties/")
        if name in properties:
            yield f"#: extraneous key [{name}] is not permitted"


def _hidden(pointer: str, keyword: str) -> str:
    return f"{pointer}: failed validation constraint for keyword [{keyword}]"


_NAMES = {
    "array": "JSONArray",
    "boolean": "Boolean",
    "integer": "Integer",
    "number": "Number",
    "object": "JSONObject",
    "string": "String",
}


def _found(value: Any) -> str:
    match value:
        case None:
            return "Null"
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case float():
            return "Double"
        case str():
            return "String"
        case list():
            return "JSONArray"
    return "JSONObject"


def _is_a(wanted: str, value: Any) -> bool:
    match wanted:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str | int | float)
        case "boolean":
            return isinstance(value, bool) or value in ("true", "false")
    number = value if isinstance(value, str | int | float) and not isinstance(value, bool) else "none"
    pattern = r"[+-]?\d+" if wanted == "integer" else r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
    whole = str(number).removesuffix(".0") if wanted == "integer" else str(number)
    return re.fullmatch(pattern, whole, re.ASCII) is not None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(tags: Any) -> list[Any]:
    return tags if isinstance(tags, list) else []


def _is_the_engines(tag: Any) -> bool:
    return isinstance(tag, Mapping) and str(tag.get("Key", tag.get("TagKey", ""))).startswith("aws:")
