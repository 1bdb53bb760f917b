"""What the demonstration shows at the terminal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tools.demo.cloud import Run
from tools.demo.story import Reranking, Sample, Story
from tools.demo.visitors import SHARE_OF
from tools.environment.invoke import in_words

_TITLES = {
    "deploy": "Deploying everything to an empty local cloud",
    "stream": "Streaming events",
    "clicks": "What five clicks do",
    "rerank": "Re-ranking a list",
    "retrain": "Training again",
    "accounts": "Accounting for every event",
    "stop": "Stopping the local cloud; its state stays",
    "report": "Writing the report",
}
_SHOWN = 5
_METRIC = "normalized_discounted_cumulative_gain_at_5"


class Screen:
    """Tables and progress bars on one console."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def step(self, name: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{_TITLES[name]}", align="left")

    @contextmanager
    def streaming(self, events: int) -> Iterator[Callable[[Sample], None]]:
        """Bars of the events sent and dealt with; call with each sample."""
        columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console) as progress:
            bars = {name: progress.add_task(name, total=events) for name in ("sent", "accepted", "quarantined")}

            def show(sample: Sample) -> None:
                for name, task in bars.items():
                    progress.update(task, completed=getattr(sample, name))

            yield show
            progress.update(bars["sent"], completed=events)

    @contextmanager
    def waiting(self, what: str) -> Iterator[Callable[[str], None]]:
        """A line that tells where a wait stands."""
        with self.console.status(f"{what} ...") as status:
            yield lambda text: status.update(f"{what}: {escape(text)}")

    def trainings(self, title: str, runs: Sequence[Run]) -> None:
        table = Table("model", "decision", "NDCG@5", "coverage", "why", title=title, title_justify="left", box=None)
        for run in runs:
            for solution in run.solutions:
                metrics = solution["metrics"] or {}
                reasons = "\n".join(f"{'+' if r['passed'] else '-'} {r['text']}" for r in solution["reasons"])
                table.add_row(
                    escape(solution["role"]),
                    escape(solution["decision"]),
                    _number(metrics.get(_METRIC)),
                    _number(metrics.get("coverage")),
                    escape(reasons),
                )
            if not run.solutions:
                table.add_row("", escape(run.status), "", "", escape(run.outcome))
        self.console.print(table, highlight=False)

    def clicks(self, story: Story) -> None:
        first = story.changes[0]
        clicker = first.clicker
        table = Table(
            "recommended before",
            f"five clicks on {clicker.kind}",
            "recommended after",
            title=f"Visitor {clicker.user_id}",
            title_justify="left",
            box=None,
        )
        for before, clicked, after in zip(clicker.before[:_SHOWN], first.clicked, first.after[:_SHOWN], strict=True):
            table.add_row(*(escape(in_words(group)) for group in (before, clicked, after)))
        self.console.print(table, highlight=False)
        risen = sum(change.share_after > change.share_before for change in story.changes)
        mean_before = sum(change.share_before for change in story.changes) / len(story.changes)
        mean_after = sum(change.share_after for change in story.changes) / len(story.changes)
        self.console.print(
            f"\nShare of the clicked kind in the top {SHARE_OF} of {len(story.changes)} visitors: {mean_before:.0%}"
            f" before, {mean_after:.0%} after; it rose for {risen}.",
            highlight=False,
        )
        stranger = Table("", title="Somebody who never signed in", title_justify="left", box=None, show_header=False)
        stranger.add_row("recommended at first", escape("; ".join(map(in_words, story.stranger[:3]))))
        stranger.add_row("after five clicks", escape("; ".join(map(in_words, story.stranger_after[:3]))))
        self.console.print()
        self.console.print(stranger, highlight=False)

    def reranking(self, found: Reranking) -> None:
        table = Table("as given", f"for visitor {found.visitor}", box=None)
        for given, ranked in zip(found.given, found.ranking, strict=True):
            table.add_row(escape(in_words(given)), escape(in_words(ranked)))
        self.console.print(table, highlight=False)

    def books(self, story: Story) -> None:
        if story.books is None:
            return
        table = Table(box=None, show_header=False)
        for name, count in story.books.as_json().items():
            table.add_row(name, f"{count:,}")
        self.console.print(table, highlight=False)
        verdict = (
            "[green]Every event is accounted for, once." if story.books.balance else "[red]The books do not balance."
        )
        self.console.print(verdict)

    def summary(self, story: Story, report: Path) -> None:
        """The last words: what happened, how long it took, what to do next."""
        self.console.print()
        self.console.rule("[bold]Done", align="left")
        books, risen = story.books, sum(change.share_after > change.share_before for change in story.changes)
        if books is not None:
            self.console.print(
                f"{books.sent:,} events sent = {books.accepted:,} accepted + {books.quarantined:,} quarantined ="
                f" {books.archived:,} archived; lost {books.lost}, duplicated {books.duplicated}.",
                highlight=False,
            )
        decisions = "; ".join(
            ", ".join(f"{s['role']} {s['decision']}" for s in run.solutions) or run.outcome for run in story.runs
        )
        self.console.print(
            f"Trainings: {decisions}.\nRecommendations followed the clicks of {risen} of {len(story.changes)} visitors."
            f"\nIt took {story.seconds['total']:.0f} s. Report: {report}, figures: {report.with_name('run.json')}",
            highlight=False,
            soft_wrap=True,
        )
        self.console.print(
            "\nKeep it running:  [bold]make up[/]"
            "\nTry it:           [bold].venv/bin/python -m tools.invoke recommend --user 100001[/]"
            "\n                  [bold].venv/bin/python -m tools.simulate --events 1000[/]"
            "\nStop it:          [bold]make down[/]",
            highlight=False,
            soft_wrap=True,
        )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
