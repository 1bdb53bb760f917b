"""The table of operations: what the server carries out. Whatever is not here is refused as not supported."""

from collections.abc import Awaitable, Callable

from personalize_local.control.service_context import ServiceContext
from personalize_local.model.validation import Json
from personalize_local.operations import (
    attributions,
    batch,
    campaigns,
    catalogue,
    datasets,
    events,
    filters,
    jobs,
    runtime,
    solutions,
    tags,
    trackers,
)
from personalize_local.operations.listing import describe, list_kind, list_nothing

Answer = Json | None | Awaitable[None]
Call = Callable[[ServiceContext, Json], Answer]
"""Gets a checked request; returns the answer, or None for an empty one, or raises ServiceError."""

OPERATIONS: dict[str, Call] = {
    "CreateSchema": datasets.create_schema,
    "DescribeSchema": describe("schema"),
    "ListSchemas": list_kind("schema"),
    "DeleteSchema": datasets.delete_schema,
    "CreateDatasetGroup": datasets.create_dataset_group,
    "DescribeDatasetGroup": describe("dataset-group"),
    "ListDatasetGroups": list_kind("dataset-group"),
    "DeleteDatasetGroup": datasets.delete_dataset_group,
    "CreateDataset": datasets.create_dataset,
    "DescribeDataset": describe("dataset"),
    "ListDatasets": list_kind("dataset"),
    "DeleteDataset": datasets.delete_dataset,
    "UpdateDataset": datasets.update_dataset,
    "CreateDatasetImportJob": jobs.create_dataset_import_job,
    "DescribeDatasetImportJob": describe("dataset-import-job"),
    "ListDatasetImportJobs": list_kind("dataset-import-job"),
    "CreateDatasetExportJob": jobs.create_dataset_export_job,
    "DescribeDatasetExportJob": describe("dataset-export-job"),
    "ListDatasetExportJobs": list_kind("dataset-export-job"),
    "CreateDataDeletionJob": jobs.create_data_deletion_job,
    "DescribeDataDeletionJob": describe("data-deletion-job"),
    "ListDataDeletionJobs": list_kind("data-deletion-job"),
    "CreateEventTracker": trackers.create_event_tracker,
    "DescribeEventTracker": describe("event-tracker"),
    "ListEventTrackers": list_kind("event-tracker"),
    "DeleteEventTracker": trackers.delete_event_tracker,
    "CreateFilter": filters.create_filter,
    "DescribeFilter": describe("filter"),
    "ListFilters": list_kind("filter"),
    "DeleteFilter": filters.delete_filter,
    "CreateSolution": solutions.create_solution,
    "DescribeSolution": solutions.describe_solution,
    "ListSolutions": list_kind("solution"),
    "UpdateSolution": solutions.update_solution,
    "DeleteSolution": solutions.delete_solution,
    "CreateSolutionVersion": solutions.create_solution_version,
    "DescribeSolutionVersion": describe("solution-version"),
    "ListSolutionVersions": list_kind("solution-version", parent="solution"),
    "StopSolutionVersionCreation": solutions.stop_solution_version_creation,
    "GetSolutionMetrics": solutions.get_solution_metrics,
    "CreateCampaign": campaigns.create_campaign,
    "DescribeCampaign": describe("campaign"),
    "ListCampaigns": list_kind("campaign"),
    "UpdateCampaign": campaigns.update_campaign,
    "DeleteCampaign": campaigns.delete_campaign,
    "CreateBatchInferenceJob": batch.create_batch_inference_job,
    "DescribeBatchInferenceJob": describe("batch-inference-job"),
    "ListBatchInferenceJobs": list_kind("batch-inference-job"),
    "CreateBatchSegmentJob": batch.create_batch_segment_job,
    "DescribeBatchSegmentJob": describe("batch-segment-job"),
    "ListBatchSegmentJobs": list_kind("batch-segment-job"),
    "CreateMetricAttribution": attributions.create_metric_attribution,
    "DescribeMetricAttribution": describe("metric-attribution"),
    "ListMetricAttributions": list_kind("metric-attribution"),
    "ListMetricAttributionMetrics": attributions.list_metric_attribution_metrics,
    "UpdateMetricAttribution": attributions.update_metric_attribution,
    "DeleteMetricAttribution": attributions.delete_metric_attribution,
    "DescribeAlgorithm": catalogue.describe_algorithm,
    "DescribeFeatureTransformation": catalogue.describe_feature_transformation,
    "DescribeRecipe": catalogue.describe_recipe,
    "ListRecipes": catalogue.list_recipes,
    "ListRecommenders": list_nothing("recommenders"),
    "ListTagsForResource": tags.list_tags_for_resource,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "PutEvents": events.put_events,
    "PutItems": events.put_items,
    "PutUsers": events.put_users,
    "GetRecommendations": runtime.get_recommendations,
    "GetPersonalizedRanking": runtime.get_personalized_ranking,
}

ABSENT: dict[str, tuple[str, str]] = dict.fromkeys(
    ("DeleteRecommender", "DescribeRecommender", "StartRecommender", "StopRecommender", "UpdateRecommender"),
    ("recommender", "recommenderArn"),
)
"""Operations on what cannot be made here: whatever they name (kind, member of the request) is not there."""
