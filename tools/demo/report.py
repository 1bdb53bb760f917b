"""`out/run.json` and `out/report.html`: what the demonstration found out, for programs and for people."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tools.demo import charts
from tools.demo.cloud import Run
from tools.demo.story import Story
from tools.demo.visitors import SHARE_OF
from tools.environment.invoke import in_words

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, sans-serif; color: #1f2933; max-width: 52rem; margin: 2.5rem auto;
       padding: 0 1.2rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin-bottom: .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .4rem; border-top: 1px solid #d9e0e7; padding-top: 1.2rem; }
p { margin: .4rem 0 .8rem; }
table { border-collapse: collapse; margin: .6rem 0; width: 100%; font-size: .93rem; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; vertical-align: top; border-bottom: 1px solid #edf1f5; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; }
.good { color: #2f855a; font-weight: 600; } .bad { color: #c53030; font-weight: 600; }
.quiet { color: #616e7c; font-size: .9rem; }
"""
_SHOWN = 10


def write_run(folder: Path, story: Story) -> Path:
    """Write the figures; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "run.json"
    path.write_text(json.dumps(story.as_json(), indent=1) + "\n", encoding="utf-8")
    return path


def write_report(folder: Path, story: Story) -> Path:
    """Write the page, which needs no other file and no network; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(page(story), encoding="utf-8")
    return path


def page(story: Story) -> str:
    """The whole page."""
    sections = (_books(story), _trainings(story), _clicks(story), _stranger(story), _reranking(story), _seconds(story))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Adoption recommender: one run</title><style>{_STYLE}</style></head><body>"
        "<h1>The adoption recommender, from an empty state to a second training</h1>"
        '<p class="quiet">Deployed on this computer with the templates, functions and state machine that go to AWS;'
        " the visitors are simulated, the animals real.</p>" + "".join(sections) + "</body></html>\n"
    )


def _books(story: Story) -> str:
    if story.books is None:
        return ""
    books = story.books.as_json()
    verdict = (
        '<span class="good">Every event is accounted for, once.</span>'
        if story.books.balance
        else '<span class="bad">The books do not balance.</span>'
    )
    malformed = "".join(_row(name, f"{count:,}") for name, count in sorted(story.malformations.items()))
    reasons = "".join(_row(name, f"{count:,}") for name, count in sorted(story.reasons.items()))
    return (
        "<h2>Events by fate</h2><p>Sent to the stream; accepted by Personalize (counted in a dataset export),"
        " quarantined with a reason, and archived (counted by reading every object back)."
        f" {verdict}</p>{charts.events_by_fate(story)}"
        + _table(("", *books), [("events", *(f"{count:,}" for count in books.values()))], numbers=True)
        + "<details><summary>What was malformed, and the field that the quarantine names</summary>"
        f'<table><tr><th>sent</th><th class="number"></th></tr>{malformed}</table>'
        f'<table><tr><th>named</th><th class="number"></th></tr>{reasons}</table></details>'
    )


def _trainings(story: Story) -> str:
    rows = "".join(_training_rows(number, run) for number, run in enumerate(story.runs, start=1))
    return (
        "<h2>Metrics of the versions, and the gate's decisions</h2>"
        f"{charts.metrics_of_versions(story.runs)}"
        f"<table><tr><th>training</th><th>model</th><th>decision</th><th>why</th></tr>{rows}</table>"
    )


def _training_rows(number: int, run: Run) -> str:
    return "".join(
        f"<tr><td>{number}</td><td>{escape(s['role'])}</td><td>{escape(s['decision'])}</td><td>"
        + "<br>".join(f"{'&#10003;' if r['passed'] else '&#10007;'} {escape(r['text'])}" for r in s["reasons"])
        + "</td></tr>"
        for s in run.solutions
    )


def _clicks(story: Story) -> str:
    if not story.changes:
        return ""
    first = story.changes[0]
    risen = sum(change.share_after > change.share_before for change in story.changes)
    rows = [
        (str(place), in_words(before), in_words(after))
        for place, (before, after) in enumerate(
            zip(first.clicker.before[:_SHOWN], first.after[:_SHOWN], strict=False), start=1
        )
    ]
    clicked = ", ".join(in_words(group) for group in first.clicked)
    return (
        "<h2>Recommendations before and after five clicks</h2>"
        f"<p>Visitor {escape(first.clicker.user_id)} looked at five {first.clicker.kind}: {escape(clicked)}.</p>"
        + _table(("", "before", "after"), rows)
        + f"<p>{len(story.changes)} visitors each looked at five animals of the species that they were recommended less"
        f" of. Its share of their top {SHARE_OF} rose for {risen} of them.</p>"
        + charts.share_of_the_clicked_kind(story.changes)
    )


def _stranger(story: Story) -> str:
    rows = [
        (in_words(before), in_words(clicked), in_words(after))
        for before, clicked, after in zip(
            story.stranger[:5], story.stranger_clicked, story.stranger_after[:5], strict=False
        )
    ]
    return (
        "<h2>Somebody who never signed in</h2><p>At first what is popular; then the session's own taste.</p>"
        + _table(("recommended at first", "clicked", "recommended after"), rows)
    )


def _reranking(story: Story) -> str:
    found = story.reranking
    if found is None:
        return ""
    rows = [(in_words(given), in_words(ranked)) for given, ranked in zip(found.given, found.ranking, strict=True)]
    return (
        f"<h2>A list re-ranked</h2><p>The same ten animals, in the order of visitor {escape(found.visitor)}.</p>"
        + _table(("as given", "for this visitor"), rows)
    )


def _seconds(story: Story) -> str:
    rows = [(step, f"{seconds:.1f}") for step, seconds in story.seconds.items()]
    return "<h2>Seconds</h2>" + _table(("step", "seconds"), rows, numbers=True)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, numbers: bool = False) -> str:
    css = ["", *([' class="number"'] * (len(head) - 1) if numbers else [""] * (len(head) - 1))]
    titles = "".join(f"<th{kind}>{escape(cell)}</th>" for kind, cell in zip(css, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(css, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{titles}</tr>{body}</table>"


def _row(name: str, value: str) -> str:
    return f'<tr><td>{escape(name)}</td><td class="number">{value}</td></tr>'
