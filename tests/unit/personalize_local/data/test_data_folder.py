"""What lies in a data folder."""

from pathlib import Path

from personalize_local.data.data_folder import discard


def test_discarding_nothing_is_no_error(tmp_path: Path) -> None:
    """What an interrupted task left is removed, whether there is something or not."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    discard(str(tmp_path / "a"))
    discard(str(tmp_path / "a"))
    assert not (tmp_path / "a").exists()
