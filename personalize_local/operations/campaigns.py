"""Campaigns: which solution version answers."""

from personalize_local.control.service_context import ServiceContext
from personalize_local.data.storage import Transaction
from personalize_local.model.errors import already_exists, in_use, invalid_input, not_found
from personalize_local.model.recipes import recipe_of
from personalize_local.model.resources import ACTIVE, CREATE_FAILED, CREATE_PENDING, CREATING, LATEST, Resource
from personalize_local.model.validation import Json
from personalize_local.operations.removal import begin_deletion, deletable
from personalize_local.operations.tags import tagged

_EXPLORATION = {"explorationWeight": (0.0, 1.0), "explorationItemAgeCutOff": (1.0, float("inf"))}


def create_campaign(core: ServiceContext, request: Json) -> Json:
    """CreateCampaign: of an active solution version, or of the latest one as `SOLUTION_ARN/$LATEST`."""
    name = request["name"]
    with core.store.transaction() as changes:
        arn, now = core.account.arn(f"campaign/{name}"), core.clock.now()
        if core.store.get(arn):
            raise already_exists(arn)
        version = _version(core, request["solutionVersionArn"])
        config = request.get("campaignConfig", {})
        _check_config(config, version, request["solutionVersionArn"])
        body = {
            "solutionVersionArn": request["solutionVersionArn"],
            "minProvisionedTPS": request.get("minProvisionedTPS", 1),
            "_requested": version.arn,
        }
        if config:
            body["campaignConfig"] = config
        core.admit("campaign", version.body["datasetGroupArn"])
        campaign = changes.add(
            Resource(
                arn=arn,
                kind="campaign",
                name=name,
                parent=version.parent,
                status=CREATE_PENDING,
                created=now,
                updated=now,
                body=body,
            )
        )
        tagged(changes, arn, request)
        core.begin(changes, campaign, "create", request)
    return {"campaignArn": arn}


def _version(core: ServiceContext, arn: str) -> Resource:
    """The solution version that an ARN or `$LATEST` alias names; it must be ACTIVE."""
    if not arn.endswith(f"/{LATEST}"):
        return core.need(arn, "solution-version", active=True)
    solution = core.need(arn.removesuffix(f"/{LATEST}"), "solution")
    active = [one for one in core.store.every("solution-version", solution.arn) if one.status == ACTIVE]
    if not active:
        raise not_found("solution version", arn)
    return active[-1]


def _check_config(config: Json, version: Resource, requested: str) -> None:
    recipe = recipe_of(version.body["recipeArn"])
    if recipe is not None and recipe.type == "USER_SEGMENTATION":
        raise invalid_input(f"Recipe {recipe.name} has no campaigns; it is for batch segment jobs.")
    if config.get("syncWithLatestSolutionVersion") and not requested.endswith(f"/{LATEST}"):
        raise invalid_input(f"syncWithLatestSolutionVersion needs a solutionVersionArn that ends with /{LATEST}.")
    exploration = config.get("itemExplorationConfig", {})
    if recipe is not None and not recipe.campaigns:
        raise invalid_input(f"Versions of recipe {recipe.name} are for batch segment jobs, not for campaigns.")
    if exploration and not (recipe and recipe.explores):
        raise invalid_input(f"itemExplorationConfig is not for recipe {version.body['recipeArn']}.")
    for name, value in exploration.items():
        if name not in _EXPLORATION:
            raise invalid_input(f"itemExplorationConfig has {', '.join(_EXPLORATION)}, not {name}.")
        low, high = _EXPLORATION[name]
        try:
            allowed = low <= float(value) <= high
        except ValueError:
            allowed = False
        if not allowed:
            raise invalid_input(f"{name} must be a number from {low:g} to {high:g}, not {value!r}.")


def update_campaign(core: ServiceContext, request: Json) -> Json:
    """UpdateCampaign: the version before serves until latestCampaignUpdate is ACTIVE."""
    arn = request["campaignArn"]
    with core.store.transaction() as changes:
        campaign = core.need(arn, "campaign")
        update = campaign.body.get("latestCampaignUpdate")
        if campaign.status not in (ACTIVE, CREATE_FAILED) or (update and update["status"] in CREATING):
            raise in_use(
                f"Campaign {arn} has status {campaign.status} or an update under way; wait until that has ended."
            )
        wanted = {
            name: request[name]
            for name in ("solutionVersionArn", "minProvisionedTPS", "campaignConfig")
            if name in request
        }
        if not wanted:
            raise invalid_input("UpdateCampaign needs something to update.")
        requested = request.get("solutionVersionArn", campaign.body["solutionVersionArn"])
        version = _version(core, requested)
        if version.parent != campaign.parent:
            raise invalid_input(f"Solution version {version.arn} is of another solution than the campaign's.")
        config = request.get("campaignConfig", campaign.body.get("campaignConfig", {}))
        _check_config(config, version, requested)
        begin_update(core, changes, campaign, version, {**request, "solutionVersionArn": requested})
    return {"campaignArn": arn}


def begin_update(
    core: ServiceContext, changes: Transaction, campaign: Resource, version: Resource, request: Json | None = None
) -> None:
    """Lead a campaign to a version; what the request does not name stays."""
    wanted = request or {}
    now = core.clock.now()
    config = wanted.get("campaignConfig", campaign.body.get("campaignConfig", {}))
    shown = {
        "solutionVersionArn": wanted.get("solutionVersionArn", campaign.body["solutionVersionArn"]),
        "minProvisionedTPS": wanted.get("minProvisionedTPS", campaign.body["minProvisionedTPS"]),
        **({"campaignConfig": config} if config else {}),
        "status": CREATE_PENDING,
        "creationDateTime": now,
        "lastUpdatedDateTime": now,
    }
    updating = campaign.changed(now, latestCampaignUpdate=shown, _requested=version.arn)
    changes.put(updating)
    core.begin(changes, updating, "update", wanted)


def delete_campaign(core: ServiceContext, request: Json) -> None:
    """DeleteCampaign: it stops answering at once."""
    arn = request["campaignArn"]
    with core.store.transaction() as changes:
        campaign = deletable(core, arn, "campaign")
        update = campaign.body.get("latestCampaignUpdate")
        if update and update["status"] in CREATING:
            raise in_use(f"Campaign {arn} is being updated and cannot be deleted now.")
        begin_deletion(core, changes, campaign, request)
