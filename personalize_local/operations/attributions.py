"""Metric attributions: which events are to be counted for whom.

Source: developer guide, "Measuring the impact of recommendations", and the service model.
"""

from personalize_local.control.service_context import ServiceContext
from personalize_local.control.views import page
from personalize_local.jobs.reports import summed
from personalize_local.model.errors import already_exists, in_use, invalid_input, not_found
from personalize_local.model.resources import ACTIVE, CREATE_PENDING, Resource
from personalize_local.model.schemas import NUMBERS
from personalize_local.model.validation import Json
from personalize_local.operations.removal import begin_deletion, deletable

MAXIMUM_METRICS = 10


def create_metric_attribution(core: ServiceContext, request: Json) -> Json:
    """CreateMetricAttribution: imports that ask for it write reports on its metrics."""
    group = request["datasetGroupArn"]
    _check_output(core, request["metricsOutputConfig"])
    with core.store.transaction() as changes:
        core.need(group, "dataset-group", active=True)
        arn, now = core.account.arn(f"metric-attribution/{request['name']}"), core.clock.now()
        if core.store.get(arn):
            raise already_exists(arn)
        _check(core, group, request["metrics"])
        made = changes.add(
            Resource(
                arn=arn,
                kind="metric-attribution",
                name=request["name"],
                parent=group,
                status=CREATE_PENDING,
                created=now,
                updated=now,
                body={
                    "datasetGroupArn": group,
                    "metricsOutputConfig": request["metricsOutputConfig"],
                    "_metrics": request["metrics"],
                },
            )
        )
        core.begin(changes, made, "create", request)
    return {"metricAttributionArn": arn}


def _check_output(core: ServiceContext, config: Json) -> None:
    if "s3DataDestination" in config:
        core.need_s3()


def _check(core: ServiceContext, group: str, metrics: list[Json]) -> None:
    if not metrics:
        raise invalid_input("A metric attribution needs a metric.")
    if len(metrics) > MAXIMUM_METRICS:
        raise invalid_input(f"A metric attribution can have {MAXIMUM_METRICS} metrics, not {len(metrics)}.")
    names = [metric["metricName"] for metric in metrics]
    for name in names:
        if names.count(name) > 1:
            raise invalid_input(f"Metric {name} is given twice.")
    schemas = core.dataset_schemas(group)
    for metric in metrics:
        try:
            column = summed(metric["expression"])
        except ValueError as error:
            raise invalid_input(f"Expression {error} with the dataset type Interactions or Items.") from None
        if column is None:
            continue
        schema = schemas.get(column[0])
        field = schema.field(column[1]) if schema else None
        if field is None or field.type not in NUMBERS:
            raise invalid_input(f"The dataset group has no column of numbers {column[0]}.{column[1]}.")


def update_metric_attribution(core: ServiceContext, request: Json) -> Json:
    """UpdateMetricAttribution: done at once."""
    arn = request.get("metricAttributionArn")
    if arn is None:
        raise invalid_input("metricAttributionArn is required.")
    added, removed = request.get("addMetrics", []), request.get("removeMetrics", [])
    output = request.get("metricsOutputConfig")
    if not added and not removed and output is None:
        raise invalid_input("UpdateMetricAttribution needs something to update.")
    _check_output(core, output or {})
    with core.store.transaction() as changes:
        attribution = core.need(arn, "metric-attribution")
        if attribution.status != ACTIVE:
            raise in_use(f"Metric attribution {arn} has status {attribution.status}; it must be ACTIVE.")
        known = {metric["metricName"] for metric in attribution.body["_metrics"]}
        for name in removed:
            if name not in known:
                raise not_found("metric", f"{arn}/{name}")
        kept = [metric for metric in attribution.body["_metrics"] if metric["metricName"] not in removed]
        for metric in added:
            if metric["metricName"] in {one["metricName"] for one in kept}:
                raise already_exists(f"{arn}/{metric['metricName']}")
        metrics = [*kept, *added]
        _check(core, attribution.parent, metrics)
        config = output or attribution.body["metricsOutputConfig"]
        changes.put(attribution.changed(core.clock.now(), _metrics=metrics, metricsOutputConfig=config))
    return {"metricAttributionArn": arn}


def list_metric_attribution_metrics(core: ServiceContext, request: Json) -> Json:
    """ListMetricAttributionMetrics. The model has no error for an attribution that is not there but this one."""
    arn = request.get("metricAttributionArn", "")
    attribution = core.store.get(arn, "metric-attribution")
    if attribution is None:
        raise invalid_input(f"metricAttributionArn {arn!r} names no metric attribution.")
    return page("metrics", list(enumerate(attribution.body["_metrics"], 1)), request)


def delete_metric_attribution(core: ServiceContext, request: Json) -> None:
    """DeleteMetricAttribution."""
    with core.store.transaction() as changes:
        attribution = deletable(core, request["metricAttributionArn"], "metric-attribution")
        begin_deletion(core, changes, attribution, request)
