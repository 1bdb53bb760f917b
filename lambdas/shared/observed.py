"""Observed events: what a site tells of a visitor that is archived and never sent to Amazon Personalize.

The config says which types are observed (`observedEventTypes`). That a list was shown or a letter opened is no interest
in an animal: a model that learned from it would learn what it recommended itself. docs/develop/payloads.md has the
payloads.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from lambdas.shared.animal import AnimalGroup
from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.event import FIELDS, Event, Redriven, flat_payload, optional_fields, parse_event, required
from lambdas.shared.fields import identifier
from lambdas.shared.names import Names

T = TypeVar("T")

OBSERVED_FIELDS = Names(*FIELDS.known, "letterId", "answerId", "helpful")

NEEDED: Mapping[str, tuple[str, ...]] = {
    "Shown": ("impression",),
    "LetterOpened": ("letterId",),
    "LetterClicked": ("letterId",),
    "AnswerHelpful": ("answerId", "helpful"),
}
"""What an event of a type must say beside session and type; of any other observed type nothing more."""


class ObservedTypes:
    """The event types that are observed in one environment."""

    __slots__ = ("_names",)

    def __init__(self, types: Iterable[str] = ()) -> None:
        self._names = Names(*types)

    @classmethod
    def named(cls, types: str) -> Self:
        """The types of a comma-separated list, as the function's environment has it; an empty one names none."""
        return cls(name for part in types.split(",") if (name := part.strip()))

    def __contains__(self, event_type: object) -> bool:
        return isinstance(event_type, str) and event_type in self._names.known

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names.known))

    def check(self, event_type: str) -> None:
        """Raise PayloadError for a type that differs from an observed one by case, underscores or the like alone.

        It would reach Personalize: one `shown` for `Shown`, and the model learns from what it showed.
        """
        for _, right in self._names.misspelt((event_type,)):
            raise PayloadError("eventType", event_type, f"is not known: the type is called {right}")


NOTHING_OBSERVED = ObservedTypes()


@dataclass(frozen=True, slots=True)
class ObservedEvent:
    """A valid observed event; what it shares with `Event` means what it means there.

    `item_id` is the animal group that it is about, None where it is about none. It is no `Event`, so that no code can
    put it to Personalize.
    """

    user_id: str | None
    session_id: str
    event_type: str
    item_id: str | None = None
    animal_id: str | None = None
    event_id: str | None = None
    occurred_at: float | None = None
    event_value: float | None = None
    recommendation_id: str | None = None
    impression: tuple[str, ...] = ()
    properties: str | None = None
    redriven: Redriven | None = None
    letter_id: str | None = None
    answer_id: str | None = None
    helpful: bool | None = None


def decode_record(
    data: bytes, *, arrival: float, breeds: Breeds = LATIN, observed: ObservedTypes = NOTHING_OBSERVED
) -> Event | ObservedEvent:
    """The event in a record of the stream or a line of the archive, flat or in its envelope.

    `arrival` is when the stream took the record, in epoch seconds. Raises PayloadError.
    """
    payload = flat_payload(data)
    if payload.get("eventType") in observed:
        return _observed_event(payload, arrival, breeds)
    event = parse_event(payload, arrival=arrival, breeds=breeds)
    observed.check(event.event_type)
    return event


def _observed_event(payload: dict[str, Any], arrival: float, breeds: Breeds) -> ObservedEvent:
    OBSERVED_FIELDS.check(payload)
    session_id = identifier(required(payload, "sessionId"), "sessionId")
    event_type: str = payload["eventType"]
    for field in NEEDED.get(event_type, ()):
        required(payload, field)
    metadata = payload.get("animalMetadata")
    return ObservedEvent(
        session_id=session_id,
        event_type=event_type,
        item_id=None if metadata is None else AnimalGroup.from_metadata(metadata, breeds=breeds).item_id,
        letter_id=_optional(payload, "letterId", identifier),
        answer_id=_optional(payload, "answerId", identifier),
        helpful=_optional(payload, "helpful", _truth),
        **optional_fields(payload, arrival=arrival, breeds=breeds),
    )


def _optional(payload: dict[str, Any], field: str, read: Callable[[object, str], T]) -> T | None:
    value = payload.get(field)
    return None if value is None else read(value, field)


def _truth(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise PayloadError(field, value, "must be true or false")
    return value
