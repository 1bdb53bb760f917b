"""Observed events: which types they are, what each must say, and that nobody takes them for events to learn from."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings import load_settings
from lambdas.shared.errors import PayloadError
from lambdas.shared.event import Event, decode_event
from lambdas.shared.observed import NEEDED, NOTHING_OBSERVED, ObservedEvent, ObservedTypes, decode_record
from tests.unit.lambdas.forward_events.stream import ARRIVAL, site_event

REPOSITORY = Path(__file__).resolve().parents[4]
TYPES = ObservedTypes((*NEEDED, "Scrolled"))
GROUP = {
    "animal_species_id": "2",
    "animal_primary_breed_id": "Beagle",
    "animal_size_id": 3,
    "animal_age_id": 3,
}
SAID: dict[str, dict[str, Any]] = {
    "Shown": {"impression": ["2-Beagle-3-3", "1-Siamese-2-2"]},
    "LetterOpened": {"letterId": "letter-1"},
    "LetterClicked": {"letterId": 17},
    "AnswerHelpful": {"answerId": "answer-1", "helpful": False},
    "Scrolled": {},
}
"""The least that an event of each type says beside its session."""


def payload(event_type: str, **changes: Any) -> dict[str, Any]:
    made = {"sessionId": "s1", "eventType": event_type, **SAID[event_type], **changes}
    return {name: value for name, value in made.items() if value is not None}


def decoded(content: Any, observed: ObservedTypes = TYPES) -> Event | ObservedEvent:
    return decode_record(json.dumps(content).encode(), arrival=ARRIVAL, observed=observed)


def refused(content: Any) -> tuple[str, str]:
    with pytest.raises(PayloadError) as error:
        decoded(content)
    return error.value.field, error.value.message


def test_what_must_be_said_is_known_of_the_types_of_the_config() -> None:
    """The shipped configs name exactly the types that have a payload of their own."""
    for environment in ("local", "dev", "staging", "prod"):
        assert tuple(NEEDED) == load_settings(environment).observed_event_types


@pytest.mark.parametrize("event_type", SAID)
@pytest.mark.parametrize("enveloped", [False, True, "text"])
def test_the_least_that_a_type_says_is_enough(event_type: str, enveloped: bool | str) -> None:
    """No animal, no user, no time; in all forms of a record."""
    flat = payload(event_type)
    data = json.dumps(flat) if enveloped == "text" else flat
    event = decoded({"Partitionkey": "1", "Data": data} if enveloped else flat)
    assert isinstance(event, ObservedEvent)
    assert (event_type, "s1", None, None, None) == (
        event.event_type,
        event.session_id,
        event.user_id,
        event.item_id,
        event.occurred_at,
    )


def test_each_member_is_read() -> None:
    """What it has in common with any event means the same; the rest is its own."""
    event = decoded(
        payload(
            "LetterClicked",
            userId="u",
            timestamp=1_699_999_999,
            eventId="e",
            animal_id=71,
            animalMetadata=GROUP,
            recommendationId="RID-1",
            answerId="a",
            helpful=True,
            impression=["1-Siamese-2-2"],
        )
    )
    assert event == ObservedEvent(
        user_id="u",
        session_id="s1",
        event_type="LetterClicked",
        item_id="2-Beagle-3-3",
        animal_id="71",
        event_id="e",
        occurred_at=1_699_999_999.0,
        recommendation_id="RID-1",
        impression=("1-Siamese-2-2",),
        letter_id="17",
        answer_id="a",
        helpful=True,
    )


@pytest.mark.parametrize(
    ("event_type", "field"), [(name, field) for name, fields in NEEDED.items() for field in fields]
)
@pytest.mark.parametrize("value", [None, "null"])
def test_what_a_type_needs_is_named_when_it_is_missing(event_type: str, field: str, value: str | None) -> None:
    """Left out or null; also where the event has an animal, which makes no letter of it."""
    content = {key: each for key, each in payload(event_type, animalMetadata=GROUP).items() if key != field}
    assert (field, "is missing") == refused(content if value is None else {**content, field: None})


@pytest.mark.parametrize(
    ("event_type", "changes", "field"),
    [
        ("Shown", {"sessionId": None}, "sessionId"),
        ("Shown", {"impression": []}, "impression"),
        ("Shown", {"impression": "2-Beagle-3-3"}, "impression"),
        ("Shown", {"impression": ["2-Beagle-3-3"] * 26}, "impression"),
        ("Shown", {"impression": ["win at example.com"]}, "impression[0]"),
        ("Shown", {"impression": [{"itemId": "2-Beagle-3-3"}]}, "impression[0]"),
        ("Shown", {"timestamp": ARRIVAL + 90_000}, "timestamp"),
        ("Shown", {"recommendationId": "r" * 41}, "recommendationId"),
        ("Shown", {"context": {"DEVICE": "x" * 2000}}, "properties"),
        ("LetterOpened", {"letterId": ""}, "letterId"),
        ("LetterOpened", {"letterId": "l" * 257}, "letterId"),
        ("LetterOpened", {"letterId": ["l"]}, "letterId"),
        ("LetterOpened", {"letterId": True}, "letterId"),
        ("LetterOpened", {"letterId": "a\u202eb"}, "letterId"),
        ("LetterOpened", {"letterId": "p\u0430y"}, "letterId"),
        ("LetterOpened", {"userId": {"id": 1}}, "userId"),
        ("LetterOpened", {"animalMetadata": {**GROUP, "animal_species_id": 3}}, "animalMetadata.animal_species_id"),
        ("LetterOpened", {"animalMetadata": "cat"}, "animalMetadata"),
        ("AnswerHelpful", {"helpful": 1}, "helpful"),
        ("AnswerHelpful", {"helpful": "true"}, "helpful"),
        ("AnswerHelpful", {"answerId": "a" * 257}, "answerId"),
        ("Scrolled", {"letterId": {"a": 1}}, "letterId"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(event_type: str, changes: dict[str, Any], field: str) -> None:
    """A visitor writes these: sizes are bounded, and no text passes for another."""
    assert field == refused(payload(event_type, **changes))[0]


@pytest.mark.parametrize("wrong", ["letter_id", "LetterID", "letter-id", "userID"])
@pytest.mark.parametrize("instead", [True, False])
def test_a_name_that_is_nearly_right_is_refused(wrong: str, instead: bool) -> None:
    """As in any event; in one that is not observed `letter_id` is a field like any other."""
    content = {**payload("LetterOpened"), wrong: "x"}
    if instead and "etter" in wrong:
        del content["letterId"]
    field, message = refused(content)
    assert (wrong, True) == (field, message.startswith("is not known: the field is called"))
    assert isinstance(decoded(site_event(letter_id="x", letterId=[])), Event)


def test_other_members_are_ignored() -> None:
    """They stay in the archive, as those of any event do."""
    assert decoded(payload("Shown")) == decoded(payload("Shown", page="home", positions=[1, 2], size={"w": 1}))


@pytest.mark.parametrize("event_type", ["shown", "SHOWN", "letter_opened", "Letter-Opened", "Answer Helpful"])
def test_a_type_that_is_nearly_an_observed_one_is_refused(event_type: str) -> None:
    """With an animal it would reach Personalize."""
    field, message = refused(site_event(eventType=event_type))
    assert ("eventType", True) == (field, message.startswith("is not known: the type is called "))


def test_a_type_that_is_not_observed_is_any_event() -> None:
    """Where the config names none, `Shown` is one that Personalize learns from, and needs its animal."""
    event = decoded(site_event(eventType="Shown"), NOTHING_OBSERVED)
    assert (Event, "Shown") == (type(event), event.event_type)
    with pytest.raises(PayloadError, match="animalMetadata: is missing"):
        decoded(payload("Shown"), NOTHING_OBSERVED)


@pytest.mark.parametrize("event_type", [["Shown"], {"Shown": 1}, 5, True, None])
def test_a_type_that_is_no_text_is_refused(event_type: object) -> None:
    assert "eventType" == refused({**site_event(), "eventType": event_type})[0]


def test_types_are_read_from_the_functions_environment() -> None:
    """Separated by commas; an empty variable names none."""
    assert ["LetterOpened", "Shown"] == list(ObservedTypes.named("Shown, LetterOpened,"))
    assert [] == list(ObservedTypes.named(""))


@given(
    st.dictionaries(
        st.sampled_from(["userId", "timestamp", "eventId", "letterId", "impression", "helpful", "animalMetadata", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=5,
        ),
    ),
    st.sampled_from(sorted(SAID)),
)
def test_whatever_is_sent_it_is_observed_or_refused(changes: dict[str, Any], event_type: str) -> None:
    """Never an event for Personalize, and no other error."""
    try:
        event = decoded({**payload(event_type), **changes})
    except PayloadError:
        return
    assert isinstance(event, ObservedEvent)


def test_any_other_event_is_what_it_was() -> None:
    """The observed types change nothing for it."""
    data = json.dumps(site_event(timestamp=1_699_999_999, eventId="e")).encode()
    assert decode_event(data, arrival=ARRIVAL) == decode_record(data, arrival=ARRIVAL, observed=TYPES)


def test_every_reader_of_records_knows_the_observed_types() -> None:
    """Product code reads through `decode_record`: `decode_event` would take an observed event for one to learn from."""
    readers = set()
    for room in ("infra", "lambdas", "tools", "seed_data", "local_cloud"):
        for file in (REPOSITORY / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module == "lambdas.shared.event":
                    taken = {alias.name for alias in node.names} & {"decode_event", "parse_event"}
                    readers |= {str(file.relative_to(REPOSITORY))} if taken else set()
    assert {"lambdas/shared/observed.py"} == readers
