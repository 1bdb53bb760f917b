"""Which items an answer may hold: the filter that a request names, applied to what is known now."""

from collections.abc import Mapping
from functools import partial
from typing import cast

from personalize_local.data.data_folder import DataFolder
from personalize_local.model.errors import invalid_input, not_found
from personalize_local.model.resources import ACTIVE
from personalize_local.serving.current_data import CurrentData, NumberedItems
from personalize_local.serving.exploration import Explored
from personalize_local.serving.filter_expressions import Filter, parse_filter
from personalize_local.serving.filter_masks import FilterRequest, ItemColumns, Mask, Row
from personalize_local.serving.loaded_versions import LoadedVersion


class AllowedItems:
    """Applies filters; keeps their parsed expressions."""

    def __init__(self, contents: DataFolder, data: CurrentData) -> None:
        self._contents, self._data = contents, data
        self._filters: dict[str, Filter] = {}

    def forget(self, arn: str) -> None:
        """A filter was deleted: another may take its name."""
        self._filters.pop(arn, None)

    def mask(
        self,
        arn: str | None,
        values: Mapping[str, str],
        version: LoadedVersion,
        user: str | None,
        item: str | None = None,
        *,
        explored: Explored | None = None,
    ) -> Mask | None:
        """Which items of the snapshot (or of `explored`) the filter allows; None without a filter."""
        if arn is None:
            if values:
                raise invalid_input("filterValues need a filterArn.")
            return None
        resource = self._contents.store.get(arn, "filter")
        if resource is None:
            raise not_found("filter", arn, status=404)
        if resource.status != ACTIVE:
            raise invalid_input(f"Filter {arn} has status {resource.status}; it must be ACTIVE.")
        if resource.parent != version.group:
            raise invalid_input(f"Filter {arn} belongs to another dataset group than the campaign.")
        parsed = self._filters.get(arn)
        if parsed is None:
            schemas = self._contents.dataset_schemas(version.group)
            parsed = self._filters[arn] = parse_filter(resource.body["filterExpression"], schemas)
        if parsed.entity != "ItemID":
            raise invalid_input(f"Filter {arn} chooses users; it is for batch segment jobs.")
        if parsed.reads_user and user is None:
            raise invalid_input(f"userId is required: the filter {arn} reads what the user did or is.")
        snapshot, group, data = version.snapshot, version.group, self._data

        def columns() -> ItemColumns:
            return data.columns(group, version.arn, snapshot)

        if explored is None:
            filtered, filtered_columns = cast(NumberedItems, snapshot), columns
        else:
            filtered = explored
            key = f"{version.arn} explored at {version.explored.at if version.explored else 0}"
            filtered_columns = partial(data.columns, group, key, filtered)

        def current_item() -> Row | None:
            place = snapshot.places.get(item or "")
            return None if item is None else {} if place is None else columns().of(place)

        return FilterRequest(
            parsed,
            values,
            columns=filtered_columns,
            interactions=lambda: data.interactions_of(group, user, filtered),
            user=lambda: data.user(group, user or ""),
            n_items=len(filtered.items),
            current_item=current_item,
        ).mask()
