"""The state folder: what is written is complete or absent."""

import json

import pytest

from local_cloud.common.state import CloudRecord, LocalCloudError, StateFolder, read_json, write_json


def test_a_file_is_replaced_as_a_whole(tmp_path):
    """After a write there is the new content and nothing else in the folder."""
    file = tmp_path / "new" / "file.json"
    write_json(file, {"a": 1})
    write_json(file, {"a": 2})
    assert {"a": 2} == read_json(file)
    assert [file] == list(file.parent.iterdir())


def test_what_cannot_be_written_leaves_the_old_content(tmp_path, monkeypatch):
    """A write that fails half-way is not seen by readers."""
    file = tmp_path / "file.json"
    write_json(file, {"a": 1})
    monkeypatch.setattr(json, "dumps", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_json(file, {"a": 2})
    monkeypatch.undo()
    assert {"a": 1} == read_json(file)


def test_an_absent_file_is_none(tmp_path):
    """There is no such file: None, not an error."""
    assert read_json(tmp_path / "no.json") is None


@pytest.mark.parametrize(("content", "said"), [("{", "not valid JSON"), ("[1]", "must hold a JSON object")])
def test_a_broken_file_is_named_with_the_way_out(tmp_path, content, said):
    """The message names the file, what is wrong, and `clean`."""
    file = tmp_path / "broken.json"
    file.write_text(content)
    with pytest.raises(LocalCloudError, match=f"broken.json.*{said}.*clean"):
        read_json(file)


def test_the_record_comes_back_as_written(tmp_path):
    """`cloud.json` holds what tools read from it."""
    state = StateFolder(tmp_path)
    assert state.read_record() is None
    record = CloudRecord(endpoint="http://127.0.0.1:1", personalize="http://127.0.0.1:2", pid=3, wait_scale=0.01)
    state.write_record(record)
    assert record == state.read_record()
    assert {"endpoint", "personalize", "pid", "wait_scale"} == set(json.loads((tmp_path / "cloud.json").read_text()))
