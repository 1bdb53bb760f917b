"""`docs/operate/configuration.md` says what the model says."""

from pathlib import Path

import pytest

from infra.allowed import allowed_values
from infra.configuration_page import BEGIN, END, PAGE, main, tables, with_tables
from infra.settings import Settings, SettingsError, load_settings


def test_the_pages_tables_are_the_models() -> None:
    """`python -m infra.configuration_page` changes nothing: keys, ranges and values on the page are the code's."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page) == page


def test_every_key_has_a_line() -> None:
    """Each key of the model, sections' keys too, with its meaning and what is allowed."""
    keys = {key for key in allowed_values(Settings) if not key.endswith(("[]", "{}"))} - {"environment"}
    text = tables()
    for key in keys:
        name = key.rpartition(".")[2]
        assert f"| `{name}` | " in text or f"### `{name}`" in text, key
    assert "None" not in text


def test_the_pages_example_of_an_error_is_what_the_loader_says(tmp_path: Path) -> None:
    """Made with the three mistakes that it shows."""
    page = PAGE.read_text(encoding="utf-8")
    shown = page.split("```text\n")[1].split("```")[0].splitlines()
    dev = (Path("config") / "dev.yaml").read_text()
    (tmp_path / "dev.yaml").write_text(
        dev.replace("batchSize: 500", "batchSize: 20000").replace("promotionThreshold:", "promotionTreshold:")
    )
    with pytest.raises(SettingsError) as refused:
        load_settings("dev", folder=tmp_path)
    assert sorted(shown) == sorted(str(refused.value).splitlines())


def test_the_tables_can_be_written_into_a_page(tmp_path: Path) -> None:
    """Between the two lines, whatever stood there; the rest stays."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    main(page)
    assert f"before\n{BEGIN}\n\n{tables()}\n\n{END}\nafter\n" == page.read_text()


def test_a_page_without_a_place_for_the_tables_is_refused() -> None:
    """With the lines that it needs."""
    with pytest.raises(ValueError, match="the page needs the lines"):
        with_tables("no marks")
