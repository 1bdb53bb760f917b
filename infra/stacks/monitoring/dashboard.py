"""What the dashboard shows: events on their way in, answers on their way out, models, campaigns."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.naming import Function, Names, Role
from infra.shared.generations import Generation
from infra.stacks.monitoring import metrics

_SERVING: dict[Role, Function] = {"recommendation": "recommend", "reranking": "rerank"}
WIDTH = 12


def dashboard_widgets(names: Names, serving: Generation) -> list[list[cloudwatch.IWidget]]:
    """Rows of two graphs each, from ingestion to cost."""
    rows: list[list[cloudwatch.IWidget]] = [
        [
            _graph(
                "Events by fate",
                [
                    metrics.handler_metric(names, "forward_events", metric)
                    for metric in ("EventsAccepted", "EventsObserved", "EventsQuarantined", "EventsFailed")
                ],
            ),
            _graph(
                "Delay before forwarding (ms)",
                [metrics.lambda_metric(names, "forward_events", "IteratorAge", statistic="Maximum")],
                [metrics.stream_metric(names, "IncomingRecords")],
            ),
        ],
    ]
    for role in serving.roles:
        function = _SERVING[role]
        rows.append(
            [
                _graph(
                    f"{function}: requests and how they were answered",
                    [
                        metrics.handler_metric(names, function, m)
                        for m in ("Requests", "Fallbacks", "Asleep", "BadRequests")
                    ],
                ),
                _graph(
                    f"{function}: duration (ms)",
                    [metrics.lambda_metric(names, function, "Duration", statistic=s) for s in ("p50", "p99")],
                    [metrics.lambda_metric(names, function, "Errors")],
                ),
            ]
        )
    rows.append(
        [
            _graph(
                "Models: NDCG@5 and coverage",
                [
                    metrics.training_metric(names, metric, role=role)
                    for role in serving.roles
                    for metric in ("NormalizedDiscountedCumulativeGainAt5", "Coverage")
                ],
            ),
            _graph(
                "Days since the last promotion",
                [metrics.training_metric(names, "DaysSincePromotion", role=role) for role in serving.roles],
            ),
        ]
    )
    rows.append(
        [
            _graph(
                "Campaigns: requests an hour",
                [metrics.campaign_requests(names, role, serving.number) for role in serving.roles],
            ),
            _graph(
                "Training runs",
                [
                    metrics.execution_metric(names, metric)
                    for metric in ("ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsAborted", "ExecutionsTimedOut")
                ],
            ),
        ]
    )
    return rows


def _graph(
    title: str, left: Sequence[cloudwatch.IMetric], right: Sequence[cloudwatch.IMetric] = ()
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(left), right=list(right), width=WIDTH)
