"""Documented quotas (developer guide, "Amazon Personalize endpoints and quotas"); all can be set."""

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalize_local.data.storage import Store
from personalize_local.model.errors import limit_exceeded
from personalize_local.model.resources import ACTIVE, CREATING, Kind, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """How many resources there may be, and how much data they may read."""

    schemas: int = 500
    dataset_groups: int = 5
    filters_per_group: int = 30
    solutions_per_group: int = 10
    campaigns_per_group: int = 5
    pending_imports: int = 5
    pending_versions: int = 20
    pending_deletions: int = 5
    pending_batch_inference_jobs: int = 5
    pending_batch_segment_jobs: int = 5
    full_import_bytes: int = 100 * 2**30
    incremental_import_bytes: int = 2**30
    interactions_per_import: int = 1000
    """The only one that is a least: different interactions that an import must bring."""
    deletion_bytes: int = 100 * 2**20
    batch_files: int = 1000
    batch_file_bytes: int = 2**30
    batch_file_lines: int = 50_000_000

    def check(self, store: Store, kind: Kind, group: str | None = None) -> None:
        """LimitExceededException when one more resource of this kind (in this dataset group) is too many."""
        match kind:
            case "schema":
                self._count(store.every(kind), self.schemas, kind)
            case "dataset-group":
                self._count(store.every(kind), self.dataset_groups, kind)
            case "filter":
                self._count(store.every(kind, group), self.filters_per_group, kind)
            case "solution":
                self._count(store.every(kind, group), self.solutions_per_group, kind)
            case "campaign":
                solutions = {solution.arn for solution in store.every("solution", group)}
                self._count(
                    [one for one in store.every(kind) if one.parent in solutions], self.campaigns_per_group, kind
                )
            case "dataset-import-job":
                _pending(store.every(kind), self.pending_imports)
            case "solution-version":
                _pending(store.every(kind), self.pending_versions)
            case "data-deletion-job":
                _pending(store.every(kind), self.pending_deletions)
            case "batch-inference-job":
                _pending(store.every(kind), self.pending_batch_inference_jobs)
            case "batch-segment-job":
                _pending(store.every(kind), self.pending_batch_segment_jobs)

    def _count(self, resources: list[Resource], most: int, kind: str) -> None:
        if len([one for one in resources if one.status in CREATING | {ACTIVE}]) >= most:
            raise limit_exceeded(
                f"Cannot create a {kind.replace('-', ' ')}. More than {most} resources in ACTIVE state."
                " Please delete some and try again."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Requests a second."""

    put_events_per_group: int = 1000
    put_items_per_group: int = 10
    put_users_per_group: int = 10
    runtime_per_campaign: int = 500
    """Of GetRecommendations, and as many of GetPersonalizedRanking."""
    runtime_total: int = 2500


def _pending(resources: list[Resource], most: int) -> None:
    if len([one for one in resources if one.status in CREATING]) >= most:
        raise limit_exceeded(f"More than {most} resources with PENDING or IN_PROGRESS status.")


class QuotaFileError(ValueError):
    """A quota file that cannot be read; the text says why."""


def read_quotas(path: Path) -> tuple[Quotas, Rates | None]:
    """The quotas of a TOML file, and the rates of its table `rates`; what it does not name is as documented.

    None without that table: rates are not enforced then.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise QuotaFileError(f"{path}: {error}") from error
    rates = given.pop("rates", None)
    if rates is not None and not isinstance(rates, dict):
        raise QuotaFileError(f"{path}: rates must be a table")
    quotas = Quotas(**_checked(path, given, Quotas))
    return quotas, None if rates is None else Rates(**_checked(path, rates, Rates))


def _checked(path: Path, given: dict[str, Any], kind: type[Quotas] | type[Rates]) -> dict[str, int]:
    names = [field.name for field in dataclasses.fields(kind)]
    for name, value in given.items():
        if name not in names:
            raise QuotaFileError(f"{path}: there is no {name}; there are {', '.join(names)}")
        if type(value) is not int or value < 0:
            raise QuotaFileError(f"{path}: {name} must be a whole number, zero or more")
    return given
