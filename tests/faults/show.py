"""The report of a run as a table."""

from rich.table import Table

from tests.faults.run import Report


def table(report: Report) -> Table:
    """Two columns: what was counted, and how many. A figure that must be 0 and is not, is red."""
    balance = report.balance
    shown = Table(
        title=f"{report.events:,} records, seed {report.seed}: " + ("balanced" if report.balances else "NOT BALANCED"),
        show_header=False,
    )
    shown.add_column()
    shown.add_column(justify="right")
    for name, count in (
        ("sent", balance.sent),
        ("stored exactly once", balance.stored_once),
        ("quarantined, with the right reason", balance.quarantined),
        ("in the failure destination", balance.failure_destination),
        ("in the archive", balance.archived),
    ):
        shown.add_row(name, f"{count:,}")
    shown.add_section()
    for name, count in (
        ("unexplained", balance.unexplained),
        ("stored more than once", balance.duplicated),
        ("out of order within their session", balance.out_of_order),
        ("missing in the archive", balance.archive_missing),
        ("in the archive more than once", balance.archive_twice),
    ):
        shown.add_row(name, f"{count:,}", style="red" if count else None)
    for finding, count in sorted(balance.findings.items()):
        shown.add_row(f"  {finding}", f"{count:,}", style="red")
    shown.add_section()
    shown.add_row("kinds of malformed record", str(len(balance.reasons)))
    for deed in sorted(set(report.acts)):
        shown.add_row(deed, str(report.acts.count(deed)))
    shown.add_section()
    shown.add_row("duration", f"{report.seconds:,.0f} s")
    shown.add_row("events a second", f"{report.events / report.seconds:,.0f}")
    shown.add_row("peak memory of all processes", f"{report.peak_megabytes.get('together', 0):,.0f} MB")
    return shown
