"""How well models predict the next event of real users, compared with peers and published values.

    python -m benchmarks.quality --interactions FILE [FILE ...] [--protocol leave-one-out|earlier-cut]
        [--on validation|test] [--model NAME ...] [--peers] [--parts] [--seeds N] [--json FILE] [--plot FILE]

FILE is a CSV with the columns USER_ID,ITEM_ID,TIMESTAMP, or MovieLens' ratings.csv, u.data or ratings.dat. Each user's
last event is the test item, the one before it the validation item, the rest are training events. All items are ranked
except those of the user's whole history (and, for comparison, as in LlamaRec's original, except the last 200). Settings
are chosen on validation items; the test items are sealed until every answer is frozen (docs/models/benchmarks.md).
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.quality import claims
from benchmarks.quality.answer_cache import CACHE_FOLDER, AnswerCache
from benchmarks.quality.claims import ClaimError
from benchmarks.quality.contestants import (
    DEFAULT,
    DEFAULT_PEERS,
    PEERS,
    UnknownContestantError,
    available_entries,
    entry,
)
from benchmarks.quality.cut import Cut, cut
from benchmarks.quality.data import LogError, read_log
from benchmarks.quality.evaluation import evaluate
from benchmarks.quality.published import published
from benchmarks.quality.report import Report, as_json, as_markdown, plot, show
from benchmarks.quality.run import ContestantError, Entry


def main() -> None:
    """Read the command line, evaluate the contestants on each log, print the results, and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interactions", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--protocol", type=Cut, choices=list(Cut), default=Cut.LEAVE_ONE_OUT)
    parser.add_argument("--on", choices=["validation", "test"], default="test")
    parser.add_argument(
        "--model",
        nargs="+",
        metavar="NAME",
        help=f"contestants (default: the engine's default model; with --on test {' and '.join(DEFAULT_PEERS)} too)",
    )
    parser.add_argument("--seeds", type=int, default=1, help="runs of each contestant (default: %(default)s)")
    parser.add_argument("--peers", action="store_true", help="all peers, also those that need .venv-peers or an hour")
    parser.add_argument("--parts", action="store_true", help="judge what the default model is made of too (slow)")
    parser.add_argument("--core", type=int, default=5, help="events that items and users need (default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="look at the earlier cut once more; the claims say so")
    parser.add_argument(
        "--kept",
        type=Path,
        default=CACHE_FOLDER,
        metavar="FOLDER",
        help="where answers are kept (default: .cache/quality)",
    )
    parser.add_argument("--fresh", action="store_true", help="train all, also what was answered before")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the tables of the documentation")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="SVG or PNG")
    arguments = parser.parse_args()
    test = arguments.on == "test"
    peers = PEERS if arguments.peers else DEFAULT_PEERS if test else ()
    names = arguments.model or [DEFAULT, *peers]
    try:
        for path in arguments.interactions:
            path.open("rb").close()
    except OSError as error:
        sys.exit(f"{error.filename} cannot be read ({error.strerror}): --interactions takes files of interactions")
    try:
        reports = [_report(path, names, arguments, test=test) for path in arguments.interactions]
    except (ClaimError, ContestantError, LogError, UnknownContestantError) as error:
        sys.exit(str(error))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(
            json.dumps({"machine": machine(), "logs": [as_json(report) for report in reports]}, indent=1) + "\n",
            encoding="utf-8",
        )
    if arguments.markdown:
        arguments.markdown.write_text("\n".join(as_markdown(report) for report in reports), encoding="utf-8")
    if arguments.plot:
        plot(reports, arguments.plot)


def _report(path: Path, names: list[str], arguments: argparse.Namespace, *, test: bool) -> Report:
    claim = None
    if test and arguments.protocol is Cut.EARLIER:
        claim = claims.may_look(path, again=arguments.again)
    log = read_log(path, core=arguments.core)
    task = cut(log, arguments.protocol)
    name = f"{path.parent.name}/{path.name}"
    _print_progress(
        f"== {name}: {log.n_users:,} users, {log.n_items:,} items, {len(log):,} events; {arguments.protocol}"
    )
    evaluation = evaluate(
        task,
        _available([entry(name, parts=arguments.parts) for name in names]),
        AnswerCache(arguments.kept, fresh=arguments.fresh),
        seeds=arguments.seeds,
        test=test,
        progress=_print_progress,
    )
    report = Report(
        title=f"{name}, {arguments.protocol}, on {arguments.on} items",
        facts={
            "log": name,
            "sha256": claims.digest(path),
            "users": log.n_users,
            "items": log.n_items,
            "events": len(log),
            "asked": len(task.on_test.user),
            "protocol": str(arguments.protocol),
            "on": arguments.on,
        },
        evaluation=evaluation,
        published=published(log, arguments.protocol) if test else {},
    )
    if claim is not None:
        # Before anything is printed: figures that were seen are always in the log.
        claims.append_claim(claim, as_json(report), command_line(sys.argv[1:]))
    show(report)
    return report


def _available(entries: list[Entry]) -> list[Entry]:
    available = list(available_entries(entries))
    if missing := [one.name for one in entries if one not in available]:
        _print_progress(
            f"left out, because .venv-peers is missing (`make bench-quality` makes it): {', '.join(missing)}"
        )
    return available


def machine() -> dict[str, Any]:
    """The machine of the figures: processor cores, their load in the last minute, Python and system."""
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def command_line(words: Sequence[str]) -> str:
    """The command line as it is recorded in the claims."""
    files = {"--interactions"}
    shown, skipping = [], False
    for word in words:
        # Without folders, which are private; the digest identifies the data.
        skipping = word in files or (skipping and not word.startswith("--"))
        elsewhere = Path(word).is_absolute() or (skipping and word not in files)
        shown.append(Path(word).name if elsewhere else word)
    return " ".join(["python -m benchmarks.quality", *shown])


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run() -> int:
    """The command's exit code: 130 when interrupted."""
    try:
        main()
    except KeyboardInterrupt:
        _print_progress("interrupted; answers so far are kept, the same command goes on from there")
        return 130
    return 0
