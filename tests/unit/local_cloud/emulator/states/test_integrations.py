"""The aws-sdk integrations against botocore's models."""

import io
from datetime import UTC, datetime

import pytest

from local_cloud.emulator.states.integrations import PREFIX, integration, parameter_problems, to_request, to_result
from local_cloud.emulator.states.language import StatesError


@pytest.mark.parametrize(
    ("resource", "service", "operation", "prefix"),
    [
        ("ssm:getParameter", "ssm", "GetParameter", "Ssm"),
        ("sfn:describeExecution", "stepfunctions", "DescribeExecution", "Sfn"),
        ("personalizeruntime:getRecommendations", "personalize-runtime", "GetRecommendations", "PersonalizeRuntime"),
        ("cloudwatch:putMetricData", "cloudwatch", "PutMetricData", "CloudWatch"),
        ("dynamodb:getItem", "dynamodb", "GetItem", "DynamoDb"),
        ("sns:publish", "sns", "Publish", "Sns"),
    ],
)
def test_resources_name_services_as_the_java_sdk_does(resource, service, operation, prefix):
    """Package name in the resource, client name in the errors."""
    found = integration(PREFIX + resource)
    assert (found.service, found.operation, found.prefix) == (service, operation, prefix)


@pytest.mark.parametrize(
    "resource", ["ssm:GetParameter", "ssm:getNothing", "stepfunctions:describeExecution", "x:y", "ssm"]
)
def test_unknown_resources_are_not_recognized(resource):
    """Neither service nor action is guessed."""
    with pytest.raises(ValueError, match="not recognized"):
        integration(PREFIX + resource)


@pytest.mark.parametrize(
    ("resource", "code", "name"),
    [
        ("ssm:getParameter", "ParameterNotFound", "Ssm.ParameterNotFoundException"),
        ("ssm:getParameter", "InternalServerError", "Ssm.InternalServerErrorException"),
        ("ssm:getParameter", "AccessDeniedByMagic", "Ssm.SsmException"),
        ("sfn:describeExecution", "ExecutionDoesNotExist", "Sfn.ExecutionDoesNotExistException"),
        ("personalize:updateCampaign", "ResourceInUseException", "Personalize.ResourceInUseException"),
        ("sns:publish", "NotFound", "Sns.NotFoundException"),
        ("sns:publish", "KMSThrottling", "Sns.KmsThrottlingException"),
        ("cloudwatch:putMetricData", "InternalServiceError", "CloudWatch.InternalServiceException"),
        ("s3:putObject", "SlowDown", "S3.S3Exception"),
    ],
)
def test_errors_are_named_as_the_java_sdk_names_them(resource, code, name):
    """Modelled errors end in Exception, capitals in a row are one word; others are the service's own."""
    found = integration(PREFIX + resource)
    assert found.error_name(code) == name
    assert name in found.error_names()


def test_parameters_are_checked_before_anything_runs():
    """Unknown, missing, of another type: all are named with their place."""
    shape = integration(f"{PREFIX}cloudwatch:putMetricData").model.input_shape
    datum = {"Value": "5", "Dimensions": [{"Name": "a", "Value.$": "nowhere"}]}
    assert list(parameter_problems({"namespace": "N", "MetricData": [datum]}, shape)) == [
        "The field 'namespace' is not supported by Step Functions",
        "The field 'MetricData[0].Value' must be of type double, not \"5\"",
        "The value for the field 'MetricData[0].Dimensions[0].Value.$' must be a JSONPath or an intrinsic function",
        "The field 'MetricData[0].MetricName' is required but was missing",
        "The field 'Namespace' is required but was missing",
    ]


@pytest.mark.parametrize(
    ("resource", "parameters", "problem"),
    [
        ("ssm:putParameter", {"Name": "n", "Value": "v", "Overwrite": "no"}, "'Overwrite' must be of type boolean"),
        ("ssm:getParametersByPath", {"Path": "/", "MaxResults": True}, "'MaxResults' must be of type integer"),
        (
            "cloudwatch:putMetricData",
            {"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": "5"}]},
            "type double",
        ),
        (
            "cloudwatch:getMetricStatistics",
            {"Namespace": "N", "MetricName": "M", "StartTime": 5, "EndTime": "x", "Period": 60},
            "type timestamp",
        ),
        (
            "personalizeruntime:getRecommendations",
            {"Context": {"DEVICE": 5}},
            "'Context.DEVICE' must be of type string",
        ),
        ("sns:publish", {"Message": "m", "MessageAttributes": []}, "'MessageAttributes' must be of type map"),
    ],
)
def test_values_of_another_type_are_refused(resource, parameters, problem):
    """Numbers are not texts and texts not numbers."""
    with pytest.raises(StatesError, match=problem) as error:
        to_request(parameters, integration(PREFIX + resource).model.input_shape)
    assert error.value.error == "States.Runtime"


def test_requests_have_the_names_of_the_service():
    """Pascal case becomes the model's case; keys of maps are data; times and bodies are converted."""
    shape = integration(f"{PREFIX}personalizeruntime:getRecommendations").model.input_shape
    asked = {"CampaignArn": "arn", "NumResults": 5, "FilterValues": {"GENRE": '"a"'}}
    assert to_request(asked, shape) == {"campaignArn": "arn", "numResults": 5, "filterValues": {"GENRE": '"a"'}}
    put = integration(f"{PREFIX}s3:putObject").model.input_shape
    assert to_request({"Bucket": "b", "Key": "k", "Body": {"a": 1}}, put)["Body"] == b'{"a":1}'
    assert to_request({"Bucket": "b", "Key": "k", "Body": "text"}, put)["Body"] == b"text"
    metrics = integration(f"{PREFIX}cloudwatch:getMetricStatistics").model.input_shape
    times = {"StartTime": "2026-01-01T00:00:00Z", "EndTime": "2026-01-02T00:00:00Z"}
    request = to_request({"Namespace": "N", "MetricName": "M", "Period": 60, **times}, metrics)
    assert request["StartTime"] == datetime(2026, 1, 1, tzinfo=UTC)


def test_results_have_the_names_of_states():
    """Pascal case, ISO times with milliseconds, numbers as they are, nothing for what is not there."""
    shape = integration(f"{PREFIX}personalize:describeCampaign").model.output_shape
    at = datetime(2026, 11, 22, 8, 30, 0, 123456, tzinfo=UTC)
    answer = {
        "campaign": {"campaignArn": "arn", "minProvisionedTPS": 1, "creationDateTime": at, "failureReason": None},
        "ResponseMetadata": {},
    }
    assert to_result(answer, shape) == {
        "Campaign": {"CampaignArn": "arn", "MinProvisionedTps": 1, "CreationDateTime": "2026-11-22T08:30:00.123Z"}
    }
    body = integration(f"{PREFIX}s3:getObject").model.output_shape
    assert to_result({"Body": io.BytesIO(b"text")}, body) == {"Body": "text"}
    metrics = integration(f"{PREFIX}personalize:getSolutionMetrics").model.output_shape
    assert to_result({"metrics": {"coverage": 0.5}}, metrics) == {"Metrics": {"coverage": 0.5}}
    assert to_result({}, None) == {}
