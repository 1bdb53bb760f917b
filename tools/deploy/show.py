"""What a deploy shows: its stages with their times, a progress line, and the summary at the end."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table
from rich.text import Text

from tools.deploy.costs import Cost, total

_SECONDS_TO_FIRST_LINE = 5
_SECONDS_BETWEEN_LINES = 30


class Display:
    """Writes to a terminal with a moving progress line, to anything else with a line now and then."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._status: Status | None = None
        self._stage = ""
        self._next_line = 0.0

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator["Result"]:
        """Shows the stage and, when the block ends well, its time and `result.text`."""
        started, result = time.monotonic(), Result()
        self._stage, self._next_line = name, started + _SECONDS_TO_FIRST_LINE
        with self.console.status(f"{name} ...") as self._status:
            try:
                yield result
            except BaseException:
                self._line("[red]✗[/red]", name, time.monotonic() - started, "")
                raise
            finally:
                self._status, self._stage = None, ""
        self._line("[green]✓[/green]", name, time.monotonic() - started, result.text)

    def progress(self, text: str) -> None:
        """Says where the stage is: at once on a terminal, now and then elsewhere."""
        if self.console.is_terminal:
            if self._status is not None:
                self._status.update(Text(f"{self._stage}: {text}", overflow="ellipsis", no_wrap=True))
        elif time.monotonic() >= self._next_line:
            self.console.print(f"             {escape(text)}", highlight=False, soft_wrap=True)
            self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES

    def say(self, text: str) -> None:
        self.console.print(escape(text), highlight=False, soft_wrap=True)

    def _line(self, mark: str, name: str, seconds: float, text: str) -> None:
        detail = f"  [dim]{escape(text)}[/dim]" if text else ""
        line = f"{mark} [dim]{_duration(seconds):>9}[/dim]  {escape(name)}{detail}"
        self.console.print(line, highlight=False, soft_wrap=True)

    def costs(
        self, environment: str, costs: Sequence[Cost], budget: float, *, simulated: bool, over: str | None = None
    ) -> None:
        """The bill of a month without a visitor; for the local cloud, what it would be on AWS.

        `over` is what to say in red of a bill above the budget: in words too, where there is no red.
        """
        where = f"What {environment} would cost on AWS" if simulated else f"What {environment} costs"
        table = Table("", "USD a month", "how", box=None, pad_edge=False, title=f"{where}, without a visitor")
        table.title_justify, table.title_style = "left", "bold"
        table.columns[1].justify = "right"
        for cost in costs:
            if cost.dollars != 0:
                style = "bold" if cost is costs[0] else None
                table.add_row(escape(cost.item), in_dollars(cost.dollars), escape(cost.basis), style=style)
        free = [cost.item for cost in costs if cost.dollars == 0]
        if free:
            how = f"follow use; ./deploy.sh {environment} --cost --events N --recommendations N"
            table.add_row(escape("; ".join(free)), "0.00", how)
        known = total(costs)
        unknown = [cost.item for cost in costs if cost.dollars is None]
        left_out = f" (without {', '.join(unknown).lower()})" if unknown else ""
        table.add_row(
            "Together", f"{known:,.2f}", f"what is known{left_out}; your budget is {budget:,.2f}", style="bold"
        )
        self.console.print(table, highlight=False)
        if over:
            self.warn(over)
        if simulated:
            self.console.print("Here it costs nothing.", highlight=False)

    def warn(self, text: str) -> None:
        """Says it in red; the words must do without."""
        self.console.print(f"[bold red]{escape(text)}[/bold red]", highlight=False, soft_wrap=True)

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """A block of names and values."""
        self.console.print(f"\n[bold]{escape(title)}[/bold]", highlight=False)
        width = max(map(len, rows), default=0)
        for name, value in rows.items():
            self.console.print(f"  {escape(name):<{width}}  {escape(value)}", highlight=False, soft_wrap=True)


class Result:
    """What a stage has to say at its end."""

    text = ""


def in_dollars(dollars: float | None) -> str:
    """Two digits behind the point, or that it is not known."""
    return "unknown" if dollars is None else f"{dollars:,.2f}"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
