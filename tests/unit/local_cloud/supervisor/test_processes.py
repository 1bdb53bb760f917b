"""The processes of a cloud, read from /proc."""

from local_cloud.supervisor.processes import processes


def _process(proc, pid: int, command: str, *, pss: str | None, children: tuple[int, ...] = ()) -> None:
    task = proc / str(pid) / "task" / str(pid)
    task.mkdir(parents=True)
    (task / "children").write_text(" ".join(map(str, children)))
    (proc / str(pid) / "cmdline").write_bytes(command.replace(" ", "\0").encode())
    if pss is not None:
        (proc / str(pid) / "smaps_rollup").write_text(f"Rss: 9999 kB\nPss: {pss} kB\nPss_Anon: 1 kB\n")


def test_the_tree_with_its_memory(tmp_path):
    """Supervisor, children by their modules, and functions below them; an unreadable process counts as nothing."""
    _process(tmp_path, 1, "python -m local_cloud.supervisor.supervisor", pss="1024", children=(2, 3, 4))
    _process(
        tmp_path,
        2,
        "python -m local_cloud.supervisor.parent_watchdog 3 local_cloud.emulator.host --port 1",
        pss="2048",
        children=(5,),
    )
    _process(
        tmp_path,
        3,
        "python -m local_cloud.supervisor.parent_watchdog 4 local_cloud.supervisor.personalize_host",
        pss=None,
        children=(6,),
    )
    _process(tmp_path, 4, "something else", pss="512")
    _process(tmp_path, 5, "python worker.py", pss="3072")
    _process(tmp_path, 6, "python train", pss="4096")
    assert [
        ("supervisor", 1, 1.0),
        ("emulator", 2, 2.0),
        ("function", 5, 3.0),
        ("personalize", 3, 0.0),
        ("training", 6, 4.0),
        ("other", 4, 0.5),
    ] == [(process.name, process.pid, process.memory_megabytes) for process in processes(1, tmp_path)]


def test_where_there_is_no_proc(tmp_path):
    """Other systems have none: nothing is known, nothing fails; a child that just ended is named so."""
    assert [] == processes(1, tmp_path)
    _process(tmp_path, 1, "s", pss="1024", children=(2,))
    assert [("supervisor", 1.0), ("ended", 0.0)] == [(p.name, p.memory_megabytes) for p in processes(1, tmp_path)]
