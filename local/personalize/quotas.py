"""Documented quotas (developer guide, "Amazon Personalize endpoints and quotas"); all can be set."""

from dataclasses import dataclass

from local.personalize.errors import limit_exceeded
from local.personalize.resources import ACTIVE, CREATING, Kind, Resource
from local.personalize.storage import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """How many resources there may be."""

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


def _pending(resources: list[Resource], most: int) -> None:
    if len([one for one in resources if one.status in CREATING]) >= most:
        raise limit_exceeded(f"More than {most} resources with PENDING or IN_PROGRESS status.")
