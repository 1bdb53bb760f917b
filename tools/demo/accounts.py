"""The books of the demonstration: every event sent, compared with what came out at each end, as multisets."""

import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeVar

from lambdas.shared.animal import AnimalGroup
from personalize_local.data.csv_dialect import read_rows
from tools.events.archive import unpacked
from tools.events.traffic import Message

T = TypeVar("T")
Interaction = tuple[str, str, str, int]
"""User or session, item, event type, time in whole epoch seconds."""


@dataclass(frozen=True, slots=True)
class Books:
    """How many records were sent, and where they ended. `lost` and `duplicated` are faults, and must be 0."""

    sent: int
    accepted: int
    quarantined: int
    lost: int
    duplicated: int
    archived: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)

    @property
    def balance(self) -> bool:
        """Whether every record is accounted for, once."""
        return (
            self.sent == self.accepted + self.quarantined == self.archived and self.lost == 0 and self.duplicated == 0
        )


def settle(
    sent: Iterable[Message], stored: Iterable[Interaction], quarantined: Iterable[bytes], archived: Iterable[bytes]
) -> Books:
    """Compare what was sent with what Personalize, the quarantine and the archive hold.

    lost: records that are in neither Personalize nor the quarantine, or not in the archive. duplicated: what any of
    them holds more often than it was sent, or without its having been sent. `archived` counts the records of the
    archive that were sent.
    """
    messages = list(sent)
    valid = Counter(interaction(message.event) for message in messages if message.event is not None)
    malformed = Counter(message.data for message in messages if message.event is None)
    everything = Counter(message.data for message in messages)
    ends = (_End.of(valid, stored), _End.of(malformed, quarantined), _End.of(everything, archived))
    accepted, held, kept = ends
    return Books(
        sent=len(messages),
        accepted=accepted.found,
        quarantined=held.found,
        lost=sum(end.lost for end in ends),
        duplicated=sum(end.surplus for end in ends),
        archived=kept.found,
    )


@dataclass(frozen=True, slots=True)
class _End:
    """What one end of the pipeline holds of what it should hold."""

    found: int
    lost: int
    surplus: int

    @classmethod
    def of(cls, wanted: Counter[T], held: Iterable[T]) -> Self:
        there = Counter(held)
        return cls((wanted & there).total(), (wanted - there).total(), (there - wanted).total())


def interaction(event: Mapping[str, Any]) -> Interaction:
    """What a valid event is in Personalize: an anonymous visitor goes by the session."""
    return (
        str(event.get("userId") or event["sessionId"]),
        AnimalGroup.from_metadata(event["animalMetadata"]).item_id,
        event["eventType"],
        int(event["timestamp"]),
    )


def read_export(files: Iterable[bytes]) -> list[Interaction]:
    """The interactions in the CSV files of a dataset export job."""
    stored: list[Interaction] = []
    for file in files:
        rows = read_rows(file.decode("utf-8"))
        header = next(rows)
        user, item, event_type, at = map(header.index, ("USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP"))
        stored.extend((row[user], row[item], row[event_type], int(row[at])) for row in rows if row)
    return stored


def read_archive(files: Iterable[bytes]) -> list[bytes]:
    """The records in the archive's objects."""
    return [line for file in files for line in unpacked(io.BytesIO(file))]
