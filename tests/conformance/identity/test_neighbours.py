"""No role may do what only its neighbours may: every right of every role is tried by all the others."""

from fnmatch import fnmatchcase

import pytest

from local_cloud.identity.rights import Right
from tests.conformance.identity.conftest import ACCOUNT, Role, Tried

PURPOSES = (
    "personalize", "firehose", "forward-events", "recommend", "rerank", "evaluate-version", "statemachine", "trigger",
)  # fmt: skip
SEED, ARCHIVE, QUARANTINE = (
    f"local-recommender-{name}-{ACCOUNT}-us-east-1" for name in ("seed", "archive", "quarantine")
)
CAMPAIGN = f"arn:aws:personalize:us-east-1:{ACCOUNT}:campaign/local-{{}}-personalize-campaign-cpn"


def concrete(right: Right) -> str:
    """A resource that the right is about."""
    return right.resource.replace("*", "any") if right.resource != "*" else "*"


def covers(role: Role, right: Right) -> bool:
    """Whether one of the role's own rights is as good for this."""
    return any(
        own.action == right.action and fnmatchcase(concrete(right), own.resource) and not own.condition
        for own in role.rights()
    )


def test_these_are_all_roles(tried: Tried) -> None:
    """A new role is tried as well."""
    assert set(PURPOSES) == set(tried.roles)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_role_may_do_what_its_policies_say(tried: Tried, purpose: str) -> None:
    """Each right without a condition, on a resource of its pattern."""
    refused = [
        right
        for right in tried.roles[purpose].rights()
        if not right.condition and not tried.verdict(purpose, right.action, concrete(right))["allowed"]
    ]
    assert [] == refused


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_role_may_not_do_what_its_neighbours_may(tried: Tried, purpose: str) -> None:
    """Each right of the others that it does not hold itself is refused, keys used outside their services included."""
    role = tried.roles[purpose]
    foreign = {
        (right.action, concrete(right))
        for other in tried.roles.values()
        if other is not role
        for right in other.rights()
        if not covers(role, right)
    }
    assert len(foreign) > 20
    allowed = [
        (action, resource) for action, resource in foreign if tried.verdict(purpose, action, resource)["allowed"]
    ]
    assert [] == allowed


@pytest.mark.parametrize(
    ("purpose", "service", "operation", "parameters", "code"),
    [
        ("recommend", "s3", "put_object", {"Bucket": SEED, "Key": "popular/g1.json", "Body": b"{}"}, "AccessDenied"),
        ("rerank", "s3", "get_object", {"Bucket": SEED, "Key": "interactions/g1/x.csv"}, "AccessDenied"),
        ("forward-events", "s3", "get_object", {"Bucket": QUARANTINE, "Key": "any"}, "AccessDenied"),
        ("forward-events", "s3", "put_object", {"Bucket": ARCHIVE, "Key": "any", "Body": b""}, "AccessDenied"),
        ("firehose", "s3", "delete_object", {"Bucket": ARCHIVE, "Key": "events/any"}, "AccessDenied"),
        ("firehose", "kinesis", "put_record", {"StreamName": "local-recommender-stream-kss", "Data": b"x",
                                               "PartitionKey": "k"}, "AccessDeniedException"),
        ("personalize", "s3", "list_objects_v2", {"Bucket": ARCHIVE}, "AccessDenied"),
        ("personalize", "s3", "put_object", {"Bucket": SEED, "Key": "items/g1/x.csv", "Body": b""}, "AccessDenied"),
        ("evaluate-version", "ssm", "get_parameter", {"Name": "/animal-recommender/local/lock"},
         "AccessDeniedException"),
        ("recommend", "lambda", "invoke", {"FunctionName": "local-recommender-get-reranking-lambda-lbd"},
         "AccessDeniedException"),
        ("statemachine", "ssm", "put_parameter", {"Name": "/animal-recommender/local/kms-key/arn", "Value": "x",
                                                  "Type": "String", "Overwrite": True}, "AccessDeniedException"),
        ("statemachine", "cloudwatch", "put_metric_data", {"Namespace": "AWS/Lambda", "MetricData": []},
         "AccessDeniedException"),
        ("trigger", "stepfunctions", "list_executions", {"stateMachineArn": f"arn:aws:states:us-east-1:{ACCOUNT}:"
                                                         "stateMachine:local-recommender-state-machine-stm"},
         "AccessDeniedException"),
        ("forward-events", "sqs", "receive_message", {"QueueUrl": f"http://q/{ACCOUNT}/local-recommender-quarantine-sqs"},
         "AccessDenied"),
        ("evaluate-version", "sns", "publish", {"TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:any", "Message": "x"},
         "AuthorizationError"),
        ("recommend", "iam", "list_roles", {}, "AccessDenied"),
    ],
)  # fmt: skip
def test_services_refuse_in_their_own_words(
    tried: Tried, error_of, purpose, service, operation, parameters, code
) -> None:
    """What a neighbour, or nobody, may do fails before it is carried out, with the service's error code."""
    client = tried.client(purpose, service)
    assert code == error_of(lambda: getattr(client, operation)(**parameters))


@pytest.mark.parametrize(
    ("purpose", "operation", "parameters"),
    [
        ("rerank", "get_recommendations", {"campaignArn": CAMPAIGN.format("recommender")}),
        ("recommend", "get_recommendations", {"campaignArn": CAMPAIGN.format("reranking")}),
        ("recommend", "get_personalized_ranking", {"campaignArn": CAMPAIGN.format("reranking"), "userId": "u",
                                                   "inputList": ["a"]}),
        ("evaluate-version", "get_recommendations", {"campaignArn": CAMPAIGN.format("recommender")}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("directly", [True, False])
def test_personalize_refuses_whoever_comes_and_whichever_way(
    tried: Tried, error_of, purpose, operation, parameters, directly
) -> None:
    """Functions reach it directly, others by way of the emulator: both are judged."""
    endpoint = tried.cloud.personalize if directly else tried.cloud.endpoint
    client = tried.client(purpose, "personalize-runtime", endpoint=endpoint)
    assert "AccessDeniedException" == error_of(lambda: getattr(client, operation)(**parameters))


def test_personalizes_control_plane_refuses_too(tried: Tried, error_of) -> None:
    """The state machine describes its own campaigns, lists none and deletes none."""
    personalize = tried.client("statemachine", "personalize", endpoint=tried.cloud.personalize)
    assert "AccessDeniedException" == error_of(personalize.list_campaigns)
    arn = CAMPAIGN.format("recommender")
    assert "AccessDeniedException" == error_of(lambda: personalize.delete_campaign(campaignArn=arn))
    assert "ResourceNotFoundException" == error_of(lambda: personalize.describe_campaign(campaignArn=arn))
