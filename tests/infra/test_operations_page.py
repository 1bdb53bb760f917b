"""docs/operate/operations.md has one entry for each alarm, and only for alarms that exist."""

import re

from tests.infra.synthesis import ROOT, Synthesis

PAGE = (ROOT / "docs" / "operate" / "operations.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^### (\S+)$", PAGE, re.MULTILINE)


def alarms(synthesis: Synthesis) -> set[str]:
    """The names of alarms that tell somebody: what stands between the environment's prefix and the suffix."""
    properties = [
        alarm
        for type_ in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
        for alarm in synthesis.resources("monitoring", type_).values()
        if alarm.get("AlarmActions")
    ]
    return {p["AlarmName"].removeprefix("dev-recommender-").removesuffix("-alm") for p in properties}


def test_every_alarm_has_an_entry(dev: Synthesis, with_first_recipes: Synthesis) -> None:
    """Whoever is paged finds the alarm's name as a heading."""
    assert set() == (alarms(dev) | alarms(with_first_recipes)) - set(ENTRIES)


def test_no_entry_without_an_alarm(dev: Synthesis, with_first_recipes: Synthesis) -> None:
    """An entry for an alarm that is gone misleads. Re-ranking is never provisioned above one in the variants."""
    known = alarms(dev) | alarms(with_first_recipes) | {"reranking-campaign-overprovisioned"}
    assert set() == set(ENTRIES) - known


def test_every_entry_says_how_to_see_it() -> None:
    """Commands that can be copied (the deployment's test runs them), or a reference to the twin."""
    texts = re.split(r"^### \S+$", PAGE.split("## The budget")[0], flags=re.MULTILINE)[1:]
    blind = [
        name for name, text in zip(ENTRIES, texts, strict=True) if "```bash\n" not in text and "The same" not in text
    ]
    assert [] == blind


def test_every_entry_says_what_to_do() -> None:
    """An entry is an instruction, or refers to its twin."""
    texts = re.split(r"^### \S+$", PAGE.split("## The budget")[0], flags=re.MULTILINE)[1:]
    silent = [name for name, text in zip(ENTRIES, texts, strict=True) if "*Do:*" not in text and "The same" not in text]
    assert [] == silent
