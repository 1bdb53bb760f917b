"""Typed tasks: what is missing or misspelt shows where the task is made, and what cannot be read says so."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from personalize_local.jobs.tasks.tasks import (
    Attribution,
    AttributionReports,
    BatchTask,
    DatasetContents,
    DeletionTask,
    ExportTask,
    ImportTask,
    S3Access,
    Task,
    TrainingTask,
    decode,
    encode,
    kind_of,
)
from personalize_local.model.errors import WorkError

S3 = S3Access(root="/objects", endpoint=None, keys={"aws_access_key_id": "a"})
CONTENTS = DatasetContents(dataset=1, bulk=["/imports/1"], schema="{}")
TASKS: tuple[Task, ...] = (
    ImportTask(
        location="s3://b/a.csv",
        s3=S3,
        schema="{}",
        dataset_type="INTERACTIONS",
        folder="/imports/2",
        most_bytes=10,
        least_interactions=1,
        reports=AttributionReports(
            attributions=[Attribution(location="s3://b/", metrics=[{"metricName": "views"}])],
            mode="FULL",
            now=1.5,
            items=CONTENTS,
            events="/events.db",
        ),
    ),
    ExportTask(location="s3://b/", s3=S3, contents=CONTENTS, dataset_type="ITEMS", events="/events.db", put=True),
    DeletionTask(location="s3://b/", s3=S3, most_bytes=10, folders={"/imports/1": "/imports/1-3"}),
    BatchTask(
        data="/data",
        now=1.5,
        segments=False,
        version="arn",
        filter=None,
        num_results=0,
        input="s3://in/",
        output="s3://out/",
        s3=S3,
        most_files=1,
        most_bytes=2,
        most_lines=3,
    ),
    TrainingTask(
        events="/events.db",
        interactions=CONTENTS,
        items=None,
        event_type=None,
        solution_config={"eventValueThreshold": "1"},
        added={"ITEMS": ["COLOUR"]},
        recipe="aws-sims",
        folder="/models/1",
    ),
)


@pytest.mark.parametrize("task", TASKS, ids=kind_of)
def test_a_task_crosses_the_process_boundary(task: Task) -> None:
    """What is read is what was written, of the same kind, on one line."""
    assert task == decode(encode(task))
    assert b"\n" not in encode(task)


@pytest.mark.parametrize("task", TASKS, ids=kind_of)
def test_a_missing_member_is_an_error_where_the_task_is_made(task: Task) -> None:
    """Each member must be given: none has a default that would hide that it was forgotten."""
    members = {name: getattr(task, name) for name in task.__struct_fields__}
    for missing in members:
        with pytest.raises(TypeError, match=f"Missing required argument '{missing}'"):
            type(task)(**{name: value for name, value in members.items() if name != missing})


@pytest.mark.parametrize("task", TASKS, ids=kind_of)
def test_a_misspelt_member_is_an_error_where_the_task_is_made(task: Task) -> None:
    """A member that the kind does not have is refused."""
    members = {name: getattr(task, name) for name in task.__struct_fields__} | {"foldr": "/models/1"}
    with pytest.raises(TypeError, match="Unexpected keyword argument 'foldr'"):
        type(task)(**members)


def test_members_are_named() -> None:
    """Nothing depends on the order of members."""
    with pytest.raises(TypeError, match="Extra positional arguments"):
        S3Access(None, None, None)  # type: ignore[call-arg]


def test_tasks_cannot_be_changed() -> None:
    """A task is a value."""
    with pytest.raises(AttributeError):
        TASKS[2].location = "s3://other/"  # type: ignore[misc, union-attr]


def _changed(**changes: Any) -> bytes:
    plain = msgspec.json.decode(encode(TASKS[2])) | changes
    return msgspec.json.encode({name: value for name, value in plain.items() if value is not None})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (_changed(kind="segment"), r"Invalid value 'segment' - at `\$.kind`"),
        (_changed(kind=None), "missing required field `kind`"),
        (_changed(folders=None), "missing required field `folders`"),
        (_changed(foldrs={}), "contains unknown field `foldrs`"),
        (_changed(most_bytes="10"), r"Expected `int`, got `str` - at `\$.most_bytes`"),
        (b"{", "Input data was truncated"),
        (b"", "Input data was truncated"),
    ],
)
def test_what_cannot_be_read_says_why(line: bytes, reason: str) -> None:
    """The text becomes the `failureReason` of the job."""
    with pytest.raises(WorkError, match=rf"cannot read its task, which another version .* wrote: .*{reason}"):
        decode(line)


def test_mypy_sees_a_missing_and_a_misspelt_member(tmp_path: Path) -> None:
    """The check of types refuses such a task before it is ever made."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from personalize_local.jobs.tasks.tasks import S3Access\n"
        "S3Access(root=None, keys=None)\n"
        "S3Access(root=None, endpoint=None, keys=None, endpiont=None)\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", f"--cache-dir={tmp_path}", str(wrong)],
        cwd=Path(__file__).parents[5],
        env={**os.environ, "MYPYPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 1 == checked.returncode, checked.stderr
    assert 'wrong.py:2: error: Missing named argument "endpoint"' in checked.stdout
    assert 'wrong.py:3: error: Unexpected keyword argument "endpiont"' in checked.stdout
