"""The tables of `docs/operate/configuration.md`, from the settings model and the config files themselves.

`python -m infra.configuration_page` writes them into the page; a test fails when the page and the model differ.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from infra.allowed import allowed_values
from infra.settings import CONFIG_FOLDER, Settings, SettingsError, load_settings

PAGE = CONFIG_FOLDER.parent / "docs" / "operate" / "configuration.md"
ENVIRONMENTS = ("local", "dev", "staging", "prod")
BEGIN = "<!-- tables: python -m infra.configuration_page -->"
END = "<!-- end of tables -->"
_NO_KEYS = ("environment",)


def tables() -> str:
    """A table of the plain keys, then one for each section, in the order of the model."""
    values = {name: load_settings(name).model_dump(mode="json", by_alias=True) for name in ENVIRONMENTS}
    words = allowed_values(Settings)
    blocks = [_table("", Settings, values, words)]
    for name, section, optional in _sections():
        note = " (optional)" if optional else ""
        blocks.append(
            f"### `{name}`{note}\n\n{(section.__doc__ or '').splitlines()[0]}\n\n"
            + _table(f"{name}.", section, {k: v.get(name) or {} for k, v in values.items()}, words)
        )
    return "\n\n".join(blocks)


def with_tables(page: str) -> str:
    """The page with its tables written anew; ValueError where it has no place for them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{begin}\n\n{tables()}\n\n{end}{after}"


def _sections() -> Iterator[tuple[str, type[BaseModel], bool]]:
    for field in Settings.model_fields.values():
        section = _section(field.annotation)
        if section is not None:
            yield str(field.alias), section, not field.is_required()


def _section(annotation: Any) -> type[BaseModel] | None:
    """The model behind a field's type, also where the section is optional; None for a plain key."""
    for option in getattr(annotation, "__args__", ()) or (annotation,):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _table(
    prefix: str, model: type[BaseModel], values: Mapping[str, Mapping[str, Any]], words: Mapping[str, str]
) -> str:
    rows = ["| key | what it means | allowed | value |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        if name in _NO_KEYS or _section(field.annotation) is not None:
            continue
        key = str(field.alias)
        shown = {environment: _shown(section.get(key)) for environment, section in values.items()}
        rows.append(f"| `{key}` | {field.description} | {_allowed(prefix + key, words)} | {_values(shown)} |")
    return "\n".join(rows)


def _allowed(key: str, words: Mapping[str, str]) -> str:
    parts = [words[key]]
    if f"{key}{{}}" in words:
        parts.append(f"each key {words[key + '{}']}")
    if f"{key}[]" in words:
        parts.append(f"each {'value' if len(parts) == 2 else 'item'} {words[key + '[]']}")
    return "; ".join(parts)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return f"`{str(value).lower()}`"
        case dict():
            return ", ".join(f"`{k}`" + (f" {v:g}" if isinstance(v, float) else "") for k, v in value.items())
        case list():
            return ", ".join(f"`{each}`" for each in value) or "none"
        case float():
            return f"`{value:g}`"
        case _:
            return f"`{value}`"


def _values(shown: Mapping[str, str]) -> str:
    """One value where all environments agree, else the most common one and who differs."""
    distinct = list(shown.values())
    common = max(distinct, key=distinct.count)
    others = [f"{environment}: {value}" for environment, value in shown.items() if value != common]
    return "; ".join([common, *others])


def main(page: Path = PAGE) -> None:
    """Write the tables into the page; SettingsError where a config cannot be used."""
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except SettingsError as error:
        sys.exit(str(error))
