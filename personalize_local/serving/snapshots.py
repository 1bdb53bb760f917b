"""What a training leaves for serving: the model, the names behind its numbers, and the users' histories.

A folder per solution version: `model/` (the engine's), `snapshot.json` (names and settings), `snapshot.npz` (arrays).
Nothing is pickled. The folder appears at once, when it is complete.
"""

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, cast

import numpy as np
import numpy.typing as npt

from personalize_local.engine.base.data import Float32, Float64, History, Int32
from personalize_local.engine.base.models import Model
from personalize_local.engine.base.storage import FormatError
from personalize_local.engine.recommenders.registry import load_model
from personalize_local.engine.recommenders.segments import SegmentModel
from personalize_local.model.errors import WorkError

HISTORY_LENGTH = 100
"""Events of a user that serving looks at."""
_FACTS = "snapshot.json"


@dataclass(frozen=True, slots=True)
class EventRule:
    """What an event counts in a solution version; events that do not count are absent for model and serving alike."""

    event_type: str | None
    """Only this type counts; None: see `weights`."""
    threshold: float | None
    """Events need at least this EVENT_VALUE."""
    weights: Mapping[str, tuple[float, float | None]] | None
    """Weight and threshold by lower-case event type, unlisted types count nothing; None: all count 1."""

    def weight(self, event_type: str, value: float | None) -> float:
        """What an event of this type and value counts; 0 when it does not."""
        low = event_type.lower()
        if self.event_type is not None and low != self.event_type.lower():
            return 0.0
        weight, threshold = (1.0, None) if self.weights is None else self.weights.get(low, (0.0, None))
        needed = [least for least in (threshold, self.threshold) if least is not None]
        return weight if all(value is not None and value >= least for least in needed) else 0.0

    @classmethod
    def of_solution(cls, config: Mapping[str, object], event_type: str | None) -> Self:
        """The rule in a solution's configuration (`eventType`, `eventValueThreshold`, `eventsConfig`)."""
        events = config.get("eventsConfig")
        listed = events.get("eventParametersList", []) if isinstance(events, dict) else []
        threshold = config.get("eventValueThreshold")
        return cls(
            event_type or None,
            float(threshold) if isinstance(threshold, str) and threshold else None,
            {
                str(one.get("eventType", "")).lower(): (float(one.get("weight", 1.0)), one.get("eventValueThreshold"))
                for one in listed
            }
            or None,
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A trained model as it is served. Items and users are numbered by their place in `items` and `users`."""

    trained: Model | SegmentModel
    items: tuple[str, ...]
    users: dict[str, int]
    offsets: npt.NDArray[np.int64]
    """Shape [users + 1]: where each user's events begin in the history arrays."""
    history_item: Int32
    history_time: Float64
    history_weight: Float32
    popularity: npt.NDArray[np.int64]
    """Different users of each item, shape [items]."""
    last_event: int
    """Number of the newest put event that training saw: later ones are live."""
    places: dict[str, int]
    """The number of each item."""
    popular: npt.NDArray[np.intp]
    """Items by falling popularity."""
    identity: object = field(default_factory=object, init=False)
    """No other snapshot in the process has it: for those who keep what they computed from this one."""

    @property
    def user_names(self) -> list[str | None]:
        """Each user's name at the user's number; None for one who was forgotten."""
        names: list[str | None] = [None] * (len(self.offsets) - 1)
        for name, number in self.users.items():
            names[number] = name
        return names

    @property
    def model(self) -> Model:
        """The model of items; TypeError for a version that segments users."""
        if not hasattr(self.trained, "score"):
            raise TypeError(f"{type(self.trained).__name__} does not score items")
        return cast(Model, self.trained)

    @property
    def segments(self) -> SegmentModel:
        """The model of users, for batch segment jobs; TypeError for a version that scores items."""
        if not hasattr(self.trained, "affinity"):
            raise TypeError(f"{type(self.trained).__name__} does not score users")
        return cast(SegmentModel, self.trained)

    def events_of(self, user: str) -> tuple[Int32, Float64, Float32]:
        """Items, times and weights of the user's events up to training, oldest first; empty for an unknown user."""
        number = self.users.get(user)
        events = slice(0, 0) if number is None else slice(self.offsets[number], self.offsets[number + 1])
        return self.history_item[events], self.history_time[events], self.history_weight[events]

    def history_of_item(self, item: str | None) -> History:
        """A history that asks about an item: it and nothing else; empty for an item that training has not seen."""
        place = self.places.get(item or "")
        if place is None:
            return History.empty()
        return History(np.array([place], np.int32), np.zeros(1), np.ones(1, np.float32))

    def without_item(self, item: str | None, allowed: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_] | None:
        """The items that are allowed (None: all) without the one that was asked about."""
        place = self.places.get(item or "")
        if place is None:
            return allowed
        others = np.ones(len(self.items), bool) if allowed is None else allowed.copy()
        others[place] = False
        return others

    def save(self, folder: Path) -> None:
        """Write everything into `folder`, in place of what an interrupted training left there."""
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        self.trained.save(partial / "model")
        with (partial / "snapshot.npz").open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                offsets=self.offsets,
                item=self.history_item,
                time=self.history_time,
                weight=self.history_weight,
                popularity=self.popularity,
            )
        facts = {"items": self.items, "visitors": self.user_names, "lastEvent": self.last_event}
        (partial / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The snapshot that `save` wrote; WorkError when another version of the engine trained it."""
        try:
            trained = load_model(folder / "model")
        except FormatError as error:
            raise WorkError(
                "The solution version was trained by another version of the engine; train the solution again."
            ) from error
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        with np.load(folder / "snapshot.npz", allow_pickle=False) as arrays:
            return cls.of(
                trained,
                items=tuple(facts["items"]),
                users=facts["visitors"],
                offsets=arrays["offsets"],
                item=arrays["item"],
                time=arrays["time"],
                weight=arrays["weight"],
                popularity=arrays["popularity"],
                last_event=facts["lastEvent"],
            )

    @classmethod
    def of(
        cls,
        model: Model | SegmentModel,
        *,
        items: tuple[str, ...],
        users: Sequence[str | None],
        offsets: npt.NDArray[np.int64],
        item: Int32,
        time: Float64,
        weight: Float32,
        popularity: npt.NDArray[np.int64],
        last_event: int,
    ) -> Self:
        """A snapshot with its look-up tables."""
        return cls(
            model,
            items,
            {user: number for number, user in enumerate(users) if user is not None},
            offsets,
            item,
            time,
            weight,
            popularity,
            last_event,
            {name: number for number, name in enumerate(items)},
            np.argsort(-popularity, kind="stable"),
        )


def forget(folder: Path, users: Collection[str]) -> bool:
    """Take users' names out of the snapshot in `folder`, so that nothing finds their histories; whether any was there.

    The numbers of the others stay, and so does what the model has learned.
    """
    facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    kept = [None if name in users else name for name in facts["visitors"]]
    if kept == facts["visitors"]:
        return False
    partial = folder / f"{_FACTS}.partial"
    partial.write_text(json.dumps({**facts, "visitors": kept}), encoding="utf-8")
    partial.rename(folder / _FACTS)
    return True
