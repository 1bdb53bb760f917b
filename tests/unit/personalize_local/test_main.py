"""The command line."""

import pytest

from personalize_local.__main__ import parser


def test_defaults() -> None:
    """A folder is all that must be said."""
    given = parser().parse_args(["--data", "x"])
    assert (4600, 0.2, None, "NORMAL") == (given.port, given.pace, given.s3_root, given.durability)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--data", "x", "--pace", "-1"], ["--data", "x", "--pace", "inf"], ["--data", "x", "--durability", "NO"]],
)
def test_wrong_arguments_end_with_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A missing folder and values that cannot be are refused with exit code 2."""
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(arguments)
    assert 2 == caught.value.code
    assert "usage: python -m personalize_local" in capsys.readouterr().err
