"""Trainings of solution versions: reads the data that a task names and has training.py train on it."""

from pathlib import Path

from personalize_local.data.events import EventReader
from personalize_local.data.imports import tables
from personalize_local.data.records import merged
from personalize_local.jobs.tasks.tasks import TrainingTask
from personalize_local.jobs.training import TrainingData, train
from personalize_local.model.recipes import RECIPES
from personalize_local.model.schemas import parse_schema
from personalize_local.model.validation import Json
from personalize_local.serving.snapshots import EventRule


def run(task: TrainingTask) -> Json:
    """Train the version; TrainingError."""
    recipe = RECIPES[task.recipe]
    reader = EventReader(Path(task.events))
    try:
        interactions, items = task.interactions, task.items
        item_schema = parse_schema(items.schema) if items else None
        data = TrainingData(
            bulk=list(tables(interactions.bulk)),
            put=list(reader.events(interactions.dataset)),
            last_event=reader.last(interactions.dataset),
            interaction_schema=parse_schema(interactions.schema),
            items=merged(item_schema, "ITEM_ID", tables(items.bulk), reader.records(items.dataset))
            if items and item_schema
            else None,
            item_schema=item_schema,
        )
    finally:
        reader.close()
    metrics = train(
        data,
        EventRule.of_solution(task.solution_config, task.event_type),
        recipe=recipe,
        settings=recipe.settings(task.solution_config),
        excluded=excluded_columns(task),
        folder=Path(task.folder),
        objective=task.solution_config.get("optimizationObjective"),
    )
    return {"metrics": metrics}


def excluded_columns(task: TrainingTask) -> dict[str, list[str]]:
    """The columns that training leaves out: by name, by naming others only, and those that came after the solution."""
    config = task.solution_config.get("trainingDataConfig", {})
    datasets = {"INTERACTIONS": task.interactions, "ITEMS": task.items}
    excluded = {kind.upper(): list(columns) for kind, columns in config.get("excludedDatasetColumns", {}).items()}
    for kind, columns in config.get("includedDatasetColumns", {}).items():
        dataset = datasets.get(kind.upper())
        if dataset:
            kept = {name.upper() for name in columns}
            names = parse_schema(dataset.schema).names
            excluded[kind.upper()] = [name for name in names if name.upper() not in kept]
    for kind, columns in task.added.items():
        excluded[kind] = [*excluded.get(kind, ()), *columns]
    return excluded
