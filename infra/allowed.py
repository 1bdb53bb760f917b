"""What each key of a settings model takes, in words, from the model's own JSON schema.

Error messages and `docs/operate/configuration.md` say the same because both come from here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

SECTION = "a section with keys of its own"
_TYPES = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "`true` or `false`"}


def allowed_values(model: type[BaseModel]) -> dict[str, str]:
    """What is allowed, by dotted key; `key[]` are the items of a list or mapping, `key{}` a mapping's keys."""
    schema = model.model_json_schema()
    return dict(_walk("", schema, schema.get("$defs", {})))


def _walk(key: str, node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    node = _resolved(node, definitions)
    if key:
        yield key, _words(node)
    for name, child in node.get("properties", {}).items():
        yield from _walk(f"{key}.{name}" if key else name, child, definitions)
    if "items" in node:
        yield from _walk(f"{key}[]", node["items"], definitions)
    if isinstance(node.get("additionalProperties"), dict):
        yield from _walk(f"{key}[]", node["additionalProperties"], definitions)
    # Where the keys have a pattern, pydantic files the values under it.
    for child in node.get("patternProperties", {}).values():
        yield from _walk(f"{key}[]", child, definitions)
    if "propertyNames" in node:
        yield f"{key}{{}}", _words(node["propertyNames"])


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node behind a reference; of an optional value, the one that is not null."""
    for option in node.get("anyOf", ()):
        if option.get("type") != "null":
            # The description and the words stand beside the options.
            return {**_resolved(option, definitions), **{k: v for k, v in node.items() if k != "anyOf"}}
    if "$ref" in node:
        resolved: Mapping[str, Any] = definitions[node["$ref"].rpartition("/")[2]]
        return resolved
    return node


def _words(node: Mapping[str, Any]) -> str:
    if "allowed" in node:
        return str(node["allowed"])
    if "enum" in node:
        return "one of " + ", ".join(f"`{value}`" for value in node["enum"])
    if "properties" in node:
        return SECTION
    if node.get("type") == "array":
        return f"a list{_count(node, 'minItems', 'maxItems')}"
    if node.get("type") == "object":
        return f"keys and values{_count(node, 'minProperties', 'maxProperties')}"
    return _TYPES[node["type"]] + _range(node)


def _range(node: Mapping[str, Any]) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:.0f}" if high >= 1e6 else f" from {low:g} to {high:g}"
    if low is not None:
        return f" of at least {low:g}"
    if "exclusiveMinimum" in node:
        return f" above {node['exclusiveMinimum']:g}"
    return ""


def _count(node: Mapping[str, Any], least: str, most: str) -> str:
    low, high = node.get(least), node.get(most)
    if low is not None and high is not None:
        return f", {low} to {high} of them"
    if low is not None:
        return f", at least {low} of them"
    return f", at most {high} of them" if high is not None else ""
