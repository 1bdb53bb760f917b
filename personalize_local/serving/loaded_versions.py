"""Solution versions in memory, as recommendations and rankings use them."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from personalize_local.data.data_folder import DataFolder
from personalize_local.model.errors import WorkError
from personalize_local.model.recipes import Recipe, recipe_of
from personalize_local.serving.context import Contexts
from personalize_local.serving.exploration import Explored
from personalize_local.serving.objective import Objective
from personalize_local.serving.snapshots import EventRule, Snapshot

_MOST = 16


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A solution version in memory."""

    arn: str
    group: str
    recipe: Recipe
    rule: EventRule
    snapshot: Snapshot
    contexts: Contexts = field(default_factory=Contexts)
    """The contextual metadata that it was trained on."""
    explored: Explored | None = None
    """What automatic updates have brought since the training."""


class LoadedVersions:
    """The versions that were used last, up to a number. Called from any thread."""

    def __init__(self, contents: DataFolder) -> None:
        self._contents = contents
        self._loaded: OrderedDict[str, LoadedVersion] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, version_arn: str) -> LoadedVersion:
        """The solution version in memory, read from disk if it is not there; WorkError when it cannot serve."""
        with self._lock:
            version = self._loaded.get(version_arn)
            if version is not None:
                self._loaded.move_to_end(version_arn)
                return version
        version = self._read(version_arn)
        with self._lock:
            self._loaded[version_arn] = version
            while len(self._loaded) > _MOST:
                self._loaded.popitem(last=False)
        return version

    def refresh(self, version_arn: str) -> None:
        """The version's files have changed: an automatic update brought items, or users were forgotten."""
        with self._lock:
            in_memory = version_arn in self._loaded
        if in_memory:
            version = self._read(version_arn)
            with self._lock:
                self._loaded[version_arn] = version

    def _read(self, version_arn: str) -> LoadedVersion:
        resource = self._contents.store.get(version_arn, "solution-version")
        recipe = recipe_of(resource.body["recipeArn"]) if resource else None
        if resource is None or recipe is None:
            raise WorkError(f"Solution version {version_arn} was deleted.")
        folder = self._contents.model_folder(resource)
        snapshot, objective = Snapshot.load(folder), Objective.load(folder)
        if objective is not None:
            snapshot = replace(snapshot, trained=objective.applied(snapshot.model))
        return LoadedVersion(
            version_arn,
            resource.body["datasetGroupArn"],
            recipe,
            EventRule.of_solution(resource.body.get("solutionConfig", {}), resource.body.get("eventType")),
            snapshot,
            Contexts.load(folder),
            Explored.load(folder),
        )
