"""`docs/operate/archive.md`: its query asks for columns that the table has."""

import re
from pathlib import Path

import pytest

from infra.settings import load_settings
from infra.stacks.archive import EVENT_COLUMNS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operate" / "archive.md"


def test_the_pages_queries_name_columns_of_the_table() -> None:
    """Flat and enveloped: each column beside the same field of `data`."""
    queries = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    columns = {name for name, _ in EVENT_COLUMNS}
    asked = [
        {"eventtype", "animalmetadata", "timestamp", "userid"},
        {"eventtype"},
        {"letterid", "userid", "sessionid", "eventid", "eventtype"},
    ]
    for query, expected in zip(queries, asked, strict=True):
        pairs = re.findall(r'coalesce\("?(\w+)"?, data\."?(\w+)"?\)', query)
        assert expected == {flat for flat, _ in pairs}
        assert all(flat == enveloped for flat, enveloped in pairs)
        assert expected <= columns


@pytest.mark.parametrize("environment", ["local", "dev", "staging", "prod"])
def test_the_count_of_interactions_leaves_the_observed_types_out(environment: str) -> None:
    """All that the shipped configs name."""
    (left_out,) = re.findall(r"NOT IN \((.*?)\)", PAGE.read_text(encoding="utf-8"))
    assert load_settings(environment).observed_event_types == tuple(re.findall(r"'(\w+)'", left_out))
