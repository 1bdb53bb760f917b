"""The columns of the Items dataset that an answer shows of its items: `metadataColumns` of a request."""

from collections.abc import Mapping, Sequence

from personalize_local.data.data_folder import DataFolder
from personalize_local.data.tables import Table
from personalize_local.model.entries import Entry
from personalize_local.model.errors import invalid_input
from personalize_local.model.resources import Resource
from personalize_local.model.validation import Json
from personalize_local.serving.current_data import CurrentData
from personalize_local.serving.loaded_versions import LoadedVersion

MAXIMUM_ITEMS = 500
MAXIMUM_ITEMS_WITH_METADATA = 50


def most_items(columns: Sequence[str]) -> int:
    """How many items an answer with these columns can have."""
    return MAXIMUM_ITEMS_WITH_METADATA if columns else MAXIMUM_ITEMS


class ItemMetadata:
    """Reads which columns a request wants, and writes them into its answer."""

    def __init__(self, contents: DataFolder, data: CurrentData) -> None:
        self._contents, self._data = contents, data

    def columns(self, request: Json, campaign: Resource | None, version: LoadedVersion) -> list[str]:
        """The columns that the request asks for; none in a batch job, which has no campaign. InvalidInputException."""
        asked: Mapping[str, list[str]] = request.get("metadataColumns", {})
        if not asked or campaign is None:
            return []
        enabled = campaign.body.get("campaignConfig", {}).get("enableMetadataWithRecommendations", False)
        if not (version.recipe.metadata or enabled):
            raise invalid_input("The campaign was not made with enableMetadataWithRecommendations.")
        if set(asked) != {"ITEMS"}:
            raise invalid_input("metadataColumns may have the key ITEMS only.")
        schema = self._contents.dataset_schemas(version.group).get("ITEMS")
        columns = []
        for name in asked["ITEMS"]:
            field = schema.field(name) if schema else None
            if field is None:
                raise invalid_input(f"The Items dataset has no column {name}.")
            columns.append(field.name)
        return columns

    def add(self, listed: list[Entry], columns: list[str], group: str) -> None:
        """Give each entry its columns."""
        if columns:
            found = _cells(self._data.items(group), [entry.item_id for entry in listed], columns)
            for entry, shown in zip(listed, found, strict=True):
                entry.metadata = shown


def _cells(table: Table | None, names: Sequence[str], wanted: Sequence[str]) -> list[dict[str, str]]:
    """For each item its `wanted` columns as text; a column without a value is left out.

    The keys are the columns' names in lower case, as in recorded answers of the service.
    """
    if table is None:
        return [{} for _ in names]
    ids = table.text("ITEM_ID")
    rows = {ids.values[code]: row for row, code in enumerate(ids.codes.tolist())}
    columns = [(column.lower(), table.columns[column]) for column in wanted]
    shown: list[dict[str, str]] = []
    for name in names:
        row = rows.get(name)
        cells = {} if row is None else {key: column.of(slice(row, row + 1)).cells()[0] for key, column in columns}
        shown.append({key: cell for key, cell in cells.items() if cell})
    return shown
