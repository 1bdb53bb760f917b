"""`docs/operate/archive.md`: its query asks for columns that the table has."""

import re
from pathlib import Path

from infra.stacks.archive import EVENT_COLUMNS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operate" / "archive.md"


def test_the_pages_query_names_columns_of_the_table() -> None:
    """Flat and enveloped: each column beside the same field of `data`."""
    (query,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    pairs = re.findall(r'coalesce\("?(\w+)"?, data\."?(\w+)"?\)', query)
    columns = {name for name, _ in EVENT_COLUMNS}
    assert {"eventtype", "animalmetadata", "timestamp", "userid"} == {flat for flat, _ in pairs}
    assert all(flat == enveloped for flat, enveloped in pairs)
    assert {flat for flat, _ in pairs} <= columns
