"""Files of quotas: what they change, and what is wrong with them."""

from pathlib import Path

import pytest

from personalize_local.__main__ import parser
from personalize_local.settings.quotas import QuotaFileError, Quotas, Rates, read_quotas


def _file(folder: Path, text: str) -> Path:
    file = folder / "quotas.toml"
    file.write_text(text)
    return file


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    """All else is as documented; rates are switched on by their table, even when it is empty."""
    assert (Quotas(schemas=3), None) == read_quotas(_file(tmp_path, "schemas = 3"))
    assert (Quotas(), Rates()) == read_quotas(_file(tmp_path, "[rates]"))
    assert (Quotas(), Rates(runtime_total=1)) == read_quotas(_file(tmp_path, "[rates]\nruntime_total = 1"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("schemas = -1", "whole number"),
        ('schemas = "3"', "whole number"),
        ("schemas = true", "whole number"),
        ("groups = 3", "no groups"),
        ("rates = 3", "must be a table"),
        ("[rates]\nputs = 3", "no puts"),
        ("schemas =", "quotas.toml"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, reason: str) -> None:
    """The error names the file and the key."""
    with pytest.raises(QuotaFileError, match=reason):
        read_quotas(_file(tmp_path, text))


def test_the_command_line_takes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--quotas reads it; a file that is not there ends the program with the reason."""
    file = _file(tmp_path, "schemas = 3")
    assert Quotas(schemas=3) == parser().parse_args(["--data", "d", "--quotas", str(file)]).quotas[0]
    with pytest.raises(SystemExit):
        parser().parse_args(["--data", "d", "--quotas", str(tmp_path / "none.toml")])
    assert "none.toml" in capsys.readouterr().err
