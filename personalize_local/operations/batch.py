"""Batch inference jobs and batch segment jobs."""

import re

from personalize_local.control.service_context import ServiceContext
from personalize_local.data.objects import folder_of
from personalize_local.model.errors import invalid_input
from personalize_local.model.recipes import recipe_of
from personalize_local.model.resources import CREATING, Kind, Resource
from personalize_local.model.validation import Json
from personalize_local.operations.jobs import create_job
from personalize_local.serving.filter_expressions import parse_filter

_INFERENCE_TYPES = ("USER_PERSONALIZATION", "PERSONALIZED_RANKING", "RELATED_ITEMS", "POPULAR_ITEMS")
_ATTRIBUTES = "aws-item-attribute-affinity"
_NOT_IN_BATCH = ("aws-trending-now",)
MAXIMUM_ITEMS = 500
_ADDRESS = re.compile(r"s3://[^/]+")
_SLASHES = re.compile(r"(?<!:)/{2,}")
_INPUTS = ("filterArn", "numResults", "jobInput", "jobOutput", "roleArn")


def create_batch_inference_job(core: ServiceContext, request: Json) -> Json:
    """CreateBatchInferenceJob: recommendations for every line of the input."""
    if request.get("batchInferenceJobMode") == "THEME_GENERATION" or "themeGenerationConfig" in request:
        raise invalid_input("Theme generation is not supported by the local Personalize.")
    version = core.need(request["solutionVersionArn"], "solution-version", active=True)
    recipe = recipe_of(version.body["recipeArn"])
    if recipe is None or recipe.type not in _INFERENCE_TYPES or recipe.name in _NOT_IN_BATCH:
        raise invalid_input(f"Batch inference is not for recipe {version.body['recipeArn']}.")
    if request.get("numResults", 1) > MAXIMUM_ITEMS:
        raise invalid_input(f"numResults must be at most {MAXIMUM_ITEMS}, not {request['numResults']}.")
    more = {"batchInferenceJobMode": "BATCH_INFERENCE"}
    if "batchInferenceJobConfig" in request:
        more["batchInferenceJobConfig"] = request["batchInferenceJobConfig"]
    return {"batchInferenceJobArn": _create(core, request, "batch-inference-job", version, more)}


def create_batch_segment_job(core: ServiceContext, request: Json) -> Json:
    """CreateBatchSegmentJob: the users with the most affinity for every line of the input."""
    version = core.need(request["solutionVersionArn"], "solution-version", active=True)
    recipe = recipe_of(version.body["recipeArn"])
    if recipe is None or recipe.type != "USER_SEGMENTATION":
        raise invalid_input(f"Batch segment jobs are for USER_SEGMENTATION recipes, not {version.body['recipeArn']}.")
    return {"batchSegmentJobArn": _create(core, request, "batch-segment-job", version, {})}


def _create(core: ServiceContext, request: Json, kind: Kind, version: Resource, more: Json) -> str:
    _check_places(request["jobInput"]["s3DataSource"]["path"], request["jobOutput"]["s3DataDestination"]["path"])
    inputs = {name: request[name] for name in _INPUTS if name in request}
    body = {"solutionVersionArn": version.arn, **inputs, **more}
    return create_job(core, request, kind, version, body, check=lambda: _check_filter(core, request, version))


def _check_filter(core: ServiceContext, request: Json, version: Resource) -> None:
    if "filterArn" not in request:
        return
    chosen = core.need(request["filterArn"], "filter", active=True)
    if chosen.parent != version.body["datasetGroupArn"]:
        raise invalid_input(f"Filter {chosen.arn} belongs to another dataset group than the solution version.")
    if version.body["recipeArn"].endswith(_ATTRIBUTES) and _reads_interactions(core, chosen):
        raise invalid_input(f"Filter {chosen.arn} reads Interactions, which {_ATTRIBUTES} does not allow.")


def _reads_interactions(core: ServiceContext, chosen: Resource) -> bool:
    """Source: developer guide, "Guidelines and requirements" of filter expressions."""
    return parse_filter(chosen.body["filterExpression"], core.dataset_schemas(chosen.parent)).reads_interactions


def _check_places(given: str, answers: str) -> None:
    """InvalidInputException unless both are S3 addresses and the answers stay outside the input.

    Source: developer guide, "Common error messages", with the texts: the output must differ from the input data. An
    input address is a prefix, so an output that begins with it would be input of the next job. An input file in the
    output's folder is none: published notebooks write to the root of the bucket that holds their input.
    """
    for kind, place in (("input", given), ("output", answers)):
        if not _ADDRESS.match(place):
            raise invalid_input(f"Invalid S3 {kind} path. {place} is no address as s3://bucket/folder/.")
    # Where buckets are folders, empty names between slashes do not count.
    one, other = _SLASHES.sub("/", folder_of(answers)), _SLASHES.sub("/", given)
    if one.startswith(folder_of(other) if _ADDRESS.fullmatch(given) else other):
        raise invalid_input(
            f"Invalid S3 output path. {answers} would be input, as part of {given}; use another folder."
        )


def running_batch(core: ServiceContext, member: str, arn: str) -> Resource | None:
    """A batch job under way whose `member` is this ARN."""
    kinds: tuple[Kind, ...] = ("batch-inference-job", "batch-segment-job")
    jobs = [job for kind in kinds for job in core.store.every(kind) if job.status in CREATING]
    return next((job for job in jobs if job.body.get(member) == arn), None)
