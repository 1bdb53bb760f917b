"""Solutions, their versions and metrics."""

from typing import Any

from personalize_local.control.service_context import ServiceContext
from personalize_local.control.views import described
from personalize_local.data.storage import Transaction
from personalize_local.model.domains import domain_recipe_of
from personalize_local.model.errors import ServiceError, already_exists, in_use, invalid_input, not_found
from personalize_local.model.recipes import RECIPES, Recipe, check_hyperparameters, check_tuning, recipe_of
from personalize_local.model.resources import (
    ACTIVE,
    CREATE_IN_PROGRESS,
    CREATE_PENDING,
    CREATE_STOPPING,
    CREATING,
    Resource,
    latest_full,
    short_id,
)
from personalize_local.model.validation import Json
from personalize_local.operations.batch import running_batch
from personalize_local.operations.datasets import updating_to
from personalize_local.operations.removal import begin_deletion, deletable
from personalize_local.operations.tags import tagged
from personalize_local.serving.objective import ObjectiveError, reward_column

_AUTO_ML_RECIPE = "arn:aws:personalize:::recipe/aws-user-personalization"
"""What AutoML chooses when the request lists no recipes."""


def create_solution(core: ServiceContext, request: Json) -> Json:
    """CreateSolution, of a recipe that the engine has a model for."""
    recipe = _recipe(request)
    config = request.get("solutionConfig", {})
    _check_config(recipe, config)
    _check_objective(core, recipe, request["datasetGroupArn"], config)
    group, chosen = request["datasetGroupArn"], core.account.public_arn(f"recipe/{recipe.name}")
    with core.store.transaction() as changes:
        core.need(group, "dataset-group", active=True)
        arn, now = core.account.arn(f"solution/{request['name']}"), core.clock.now()
        if core.store.get(arn):
            raise already_exists(arn)
        body: Json = {
            "performHPO": request.get("performHPO", False),
            "performAutoML": request.get("performAutoML", False),
            "performAutoTraining": request.get("performAutoTraining", True),
            "performIncrementalUpdate": request.get("performIncrementalUpdate", False),
            "recipeArn": chosen,
            "datasetGroupArn": group,
            "solutionConfig": config,
        }
        if body["performAutoML"]:
            body["autoMLResult"] = {"bestRecipeArn": chosen}
        if "eventType" in request:
            body["eventType"] = request["eventType"]
        core.admit("solution", group)
        solution = changes.add(
            Resource(
                arn=arn,
                kind="solution",
                name=request["name"],
                parent=group,
                status=CREATE_PENDING,
                created=now,
                updated=now,
                body=body,
            )
        )
        tagged(changes, arn, request)
        core.begin(changes, solution, "create", request)
    return {"solutionArn": arn}


def _recipe(request: Json) -> Recipe:
    arn = request.get("recipeArn")
    if arn is None and request.get("performAutoML"):
        listed = request.get("solutionConfig", {}).get("autoMLConfig", {}).get("recipeList", [])
        arn = listed[0] if listed else _AUTO_ML_RECIPE
    if arn is None:
        raise invalid_input("recipeArn is required unless performAutoML is true.")
    recipe = recipe_of(arn)
    if recipe is None and domain_recipe_of(arn) is not None:
        raise invalid_input(
            f"Recipe {arn} is a domain's, for recommenders, which the local Personalize does not have; a solution needs"
            " a custom recipe."
        )
    if recipe is None:
        raise not_found("recipe", arn)
    if recipe.model is None:
        known = ", ".join(one.name for one in RECIPES.values() if one.model)
        raise invalid_input(f"Recipe {recipe.name} is not supported by the local Personalize; it has {known}.")
    return recipe


def _check_config(recipe: Recipe, config: Json) -> None:
    check_hyperparameters(recipe, config.get("algorithmHyperParameters", {}))
    check_hyperparameters(recipe, config.get("featureTransformationParameters", {}), featurization=True)
    check_tuning(recipe, config.get("hpoConfig", {}))
    if "eventValueThreshold" in config:
        try:
            float(config["eventValueThreshold"])
        except ValueError:
            raise invalid_input(
                f"solutionConfig.eventValueThreshold must be a number, not {config['eventValueThreshold']!r}."
            ) from None
    if {"excludedDatasetColumns", "includedDatasetColumns"} <= config.get("trainingDataConfig", {}).keys():
        raise invalid_input("trainingDataConfig takes excludedDatasetColumns or includedDatasetColumns, not both.")
    _check_schedule(config)
    _check_events(recipe, config)


def _check_objective(core: ServiceContext, recipe: Recipe, group: str, config: Json) -> None:
    """The column is looked for where the group has an Items dataset; the training needs it in any case."""
    given = config.get("optimizationObjective")
    if not given:
        return
    if not recipe.objective:
        raise invalid_input(f"Recipe {recipe.name} has no optimizationObjective; version 1 of its kind may have.")
    schemas = core.dataset_schemas(group)
    if "ITEMS" in schemas:
        try:
            reward_column(given, schemas["ITEMS"])
        except ObjectiveError as error:
            raise invalid_input(str(error)) from None


def _check_schedule(config: Json) -> None:
    schedule = config.get("autoTrainingConfig", {}).get("schedulingExpression")
    if schedule is not None and not 1 <= int(schedule.removeprefix("rate(").split()[0]) <= 30:
        raise invalid_input(f"schedulingExpression must be 1 to 30 days, not {schedule}.")


def _check_events(recipe: Recipe, config: Json) -> None:
    listed = config.get("eventsConfig", {}).get("eventParametersList", [])
    if listed and not recipe.event_weights:
        raise invalid_input(f"Recipe {recipe.name} has no eventsConfig; the v2 recipes have.")
    types = [one.get("eventType", "").lower() for one in listed]
    if "" in types:
        raise invalid_input("Each entry of eventsConfig needs an eventType.")
    if len(set(types)) < len(types):
        raise invalid_input("An event type is listed twice in eventsConfig.")
    if listed and not any(one.get("weight", 1.0) > 0 for one in listed):
        raise invalid_input("eventsConfig gives every event type the weight 0.")


def describe_solution(core: ServiceContext, request: Json) -> Json:
    """DescribeSolution, with a summary of its latest version."""
    solution = core.need(request["solutionArn"], "solution")
    shown = described(solution)
    versions = core.store.every("solution-version", solution.arn)
    if versions:
        latest = versions[-1]
        shown["latestSolutionVersion"] = {
            "solutionVersionArn": latest.arn,
            "status": latest.status,
            **latest.times,
            **latest.members("trainingMode", "trainingType", "failureReason"),
        }
    return {"solution": shown}


def update_solution(core: ServiceContext, request: Json) -> Json:
    """UpdateSolution: what takes effect shows in the solution once latestSolutionUpdate is ACTIVE."""
    arn = request["solutionArn"]
    with core.store.transaction() as changes:
        solution = core.need(arn, "solution", active=True)
        recipe = recipe_of(solution.body["recipeArn"])
        if _under_way(solution.body.get("latestSolutionUpdate")):
            raise in_use(f"Solution {arn} is being updated already.")
        wanted: Json = {
            name: request[name]
            for name in ("performAutoTraining", "performIncrementalUpdate", "solutionUpdateConfig")
            if name in request
        }
        if not wanted:
            raise invalid_input("UpdateSolution needs something to update.")
        config = request.get("solutionUpdateConfig", {})
        _check_schedule(config)
        if recipe is not None:
            _check_events(recipe, config)
        now = core.clock.now()
        update: Json = {**wanted, "status": CREATE_PENDING, "creationDateTime": now, "lastUpdatedDateTime": now}
        updating = solution.changed(now, latestSolutionUpdate=update)
        changes.put(updating)
        core.begin(changes, updating, "update", request)
    return {"solutionArn": arn}


def _under_way(update: Any) -> bool:
    return update is not None and update["status"] in CREATING


def delete_solution(core: ServiceContext, request: Json) -> None:
    """DeleteSolution: with all its versions, once no campaign uses it and none is being made."""
    arn = request["solutionArn"]
    with core.store.transaction() as changes:
        solution = deletable(core, arn, "solution")
        if _under_way(solution.body.get("latestSolutionUpdate")):
            raise in_use(f"Solution {arn} is being updated and cannot be deleted now.")
        for campaign in core.store.every("campaign", arn):
            raise in_use(f"Solution {arn} is used by the campaign {campaign.arn}.")
        for version in core.store.every("solution-version", arn):
            if version.status in CREATING:
                raise in_use(f"Solution version {version.arn} has status {version.status}.")
            job = running_batch(core, "solutionVersionArn", version.arn)
            if job is not None:
                raise in_use(f"Solution version {version.arn} is used by {job.arn}, which has status {job.status}.")
        begin_deletion(core, changes, solution, request)


def create_solution_version(core: ServiceContext, request: Json) -> Json:
    """CreateSolutionVersion: trains on what the dataset group holds when the training begins."""
    with core.store.transaction() as changes:
        solution = core.need(request["solutionArn"], "solution", active=True, creating=True)
        version = begin_version(core, changes, solution, request, "MANUAL")
        tagged(changes, version.arn, request)
    return {"solutionVersionArn": version.arn}


def begin_version(
    core: ServiceContext, changes: Transaction, solution: Resource, request: Json, training_type: str
) -> Resource:
    """A new version of a solution, in training once that is active; ServiceError when it cannot be trained now."""
    mode, name = request.get("trainingMode", "FULL"), request.get("name")
    if _under_way(solution.body.get("latestSolutionUpdate")):
        raise in_use(f"Solution {solution.arn} is being updated.")
    versions = core.store.every("solution-version", solution.arn)
    _check_mode(mode, solution, versions)
    _check_data(core, solution.parent)
    for version in versions:
        if name is not None and version.name == name:
            raise already_exists(version.arn)
    copied = solution.members(
        "performHPO",
        "performAutoML",
        "performIncrementalUpdate",
        "recipeArn",
        "eventType",
        "datasetGroupArn",
        "solutionConfig",
        "_added",
    )
    body: Json = {
        **copied,
        "solutionArn": solution.arn,
        "trainingMode": mode,
        "trainingType": training_type,
        "_seen": interactions_seen(core, solution.parent),
    }
    if name is not None:
        body["name"] = name
    core.admit("solution-version")
    now = core.clock.now()
    version = changes.add(
        Resource(
            arn=f"{solution.arn}/{short_id()}",
            kind="solution-version",
            name=name or "",
            parent=solution.arn,
            status=CREATE_PENDING,
            created=now,
            updated=now,
            body=body,
        )
    )
    core.begin(changes, version, "create", request)
    return version


def interactions_seen(core: ServiceContext, group: str) -> Json:
    """Which interactions the group holds now: other values mean new data."""
    dataset = core.datasets(group).get("INTERACTIONS")
    if dataset is None:
        return {}
    reader = core.events.reader()
    try:
        return {"imports": dataset.body["_imports"], "event": reader.last(dataset.id)}
    finally:
        reader.close()


def _check_mode(mode: str, solution: Resource, versions: list[Resource]) -> None:
    if mode == "FULL":
        return
    recipe = recipe_of(solution.body["recipeArn"])
    if mode != "UPDATE" or recipe is None or not recipe.update_mode:
        raise invalid_input(f"trainingMode {mode} is not for recipe {solution.body['recipeArn']}; use FULL.")
    if latest_full(versions) is None:
        raise invalid_input(f"trainingMode UPDATE needs an active version of {solution.arn} that was trained FULL.")


def _check_data(core: ServiceContext, group: str) -> None:
    datasets = core.datasets(group)
    if "INTERACTIONS" not in datasets:
        raise invalid_input(f"Dataset group {group} has no Interactions dataset to train on.")
    for dataset in datasets.values():
        if updating_to(dataset):
            raise in_use(f"The schema of dataset {dataset.arn} is being replaced.")
        for job in core.store.every("dataset-import-job", dataset.arn):
            if job.status in CREATING:
                raise in_use(f"The dataset import job {job.arn} has status {job.status}; it must be ACTIVE.")


def stop_solution_version_creation(core: ServiceContext, request: Json) -> None:
    """StopSolutionVersionCreation: CREATE STOPPING, then CREATE STOPPED."""
    arn = request["solutionVersionArn"]
    with core.store.transaction() as changes:
        version = core.need(arn, "solution-version")
        if version.status not in (CREATE_PENDING, CREATE_IN_PROGRESS):
            raise in_use(f"Solution version {arn} has status {version.status}; only its creation can be stopped.")
        changes.put(version.changed(core.clock.now(), status=CREATE_STOPPING))
        changes.after_commit.append(lambda: core.lifecycle.stop(arn))


def get_solution_metrics(core: ServiceContext, request: Json) -> Json:
    """GetSolutionMetrics of an active version."""
    arn = request["solutionVersionArn"]
    version = core.need(arn, "solution-version")
    if version.status in CREATING:
        raise in_use(f"Solution version {arn} has status {version.status}; it must be ACTIVE.")
    if version.status != ACTIVE:
        raise _no_metrics(version)
    return {"solutionVersionArn": arn, "metrics": version.body["_metrics"]}


def _no_metrics(version: Resource) -> ServiceError:
    return invalid_input(f"Solution version {version.arn} has status {version.status} and no metrics.")
