"""recommend as Lambda runs it: over HTTP to a fake Personalize, S3 of moto."""

import json
from threading import Event
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.shared.popular import PACKAGED, parse_popular
from tests.unit.lambdas.conftest import CAMPAIGN_ARN, FILTER_ARNS, Context
from tests.unit.lambdas.personalize_server import BROKEN, INVALID, NOT_THERE, RESET, THROTTLED, Fault

FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
POPULAR = [{"id": item_id} for item_id in parse_popular(PACKAGED.read_bytes())]


@pytest.fixture
def recommend(load_handler):
    """The handler with a deadline that a busy computer keeps too; `recommend(event)` invokes it."""
    handler = load_handler("recommend", DEADLINE_MILLISECONDS="20000")
    return lambda event: handler.lambda_handler(event, Context())


def problem(answer: Any) -> tuple[int, str, Any]:
    """Status, field and value of a refusal, in whichever form."""
    body = json.loads(answer["body"]) if isinstance(answer["body"], str) else answer["body"]
    return answer["statusCode"], body["error"]["field"], body["error"]["value"]


def test_answers_the_bare_request_with_the_list(recommend, personalize):
    """The documented request gets the list itself, best first."""
    assert [{"id": "2-Beagle-3-3"}, {"id": "1-Siamese-2-2"}] == recommend({"userId": "u1", "limit": 2})

    assert [{"campaignArn": CAMPAIGN_ARN, "userId": "u1", "numResults": 2}] == personalize.of("GetRecommendations")


def test_d03_the_documented_payload_needs_no_body(recommend):
    """Bare and in a body, the same request has the same result."""
    bare, wrapped = recommend({"userId": "u1"}), recommend({"body": {"userId": "u1"}})

    assert {"statusCode": 200, "body": json.dumps(bare)} == wrapped


def test_d24_a_proxys_body_is_text(recommend):
    """API Gateway's event, limit included, is answered as API Gateway wants it."""
    answer = recommend({"httpMethod": "POST", "body": '{"userId": "u1", "limit": 1}', "isBase64Encoded": False})

    assert (200, [{"id": "2-Beagle-3-3"}]) == (answer["statusCode"], json.loads(answer["body"]))
    assert {"Content-Type": "application/json"} == answer["headers"]


@pytest.mark.parametrize("limit", [1, 500])
def test_d25_both_ends_of_the_limit_are_legal(recommend, personalize, limit):
    """1 and 500 reach Personalize as they are."""
    recommend({"limit": limit})

    assert limit == personalize.of("GetRecommendations")[0]["numResults"]


def test_d25_the_limit_is_ten_when_none_is_given(recommend, personalize):
    """Ten is the documented default."""
    recommend({})

    assert 10 == personalize.of("GetRecommendations")[0]["numResults"]


@pytest.mark.parametrize("limit", [0, 501, -1, "10", 1.5, True, [], 10**30])
@pytest.mark.parametrize("wrap", [lambda payload: payload, lambda payload: {"body": payload}])
def test_d25_a_bad_limit_is_refused_not_replaced(recommend, personalize, limit, wrap):
    """A wrong limit is a 400 that names it, and no call."""
    status, field, _ = problem(recommend(wrap({"limit": limit})))

    assert (400, "limit", []) == (status, field, personalize.requests)


def test_d26_anonymous_visitors_are_not_pooled(recommend, personalize):
    """A session asks as itself; visitors without one are each somebody new."""
    for payload in ({"sessionId": "s1"}, {}, {}):
        recommend(payload)

    session, first, second = (request["userId"] for request in personalize.of("GetRecommendations"))
    assert "s1" == session
    assert 3 == len({session, first, second})
    assert "unknown" not in {first, second}


def test_d30_warm_calls_make_no_client_and_read_nothing(recommend, personalize, monkeypatch):
    """After the start, ten calls are ten requests to Personalize and nothing else."""
    recommend({})
    monkeypatch.setattr(boto3, "client", None)
    monkeypatch.setattr(boto3.session.Session, "client", None)

    for _ in range(10):
        assert len(recommend({})) == 4

    assert 11 == len(personalize.requests)


@pytest.mark.parametrize(
    "fault", [THROTTLED, BROKEN, RESET, NOT_THERE, INVALID, Fault("AccessDeniedException", status=403)]
)
def test_d31_without_personalize_the_popular_groups_answer(recommend, personalize, published, fault):
    """Whatever Personalize says, the visitor gets animals, marked as popular in the answer and in the metrics."""
    personalize.judge = lambda operation, request: fault

    assert POPULAR[:2] == recommend({"userId": "u1", "limit": 2})
    assert {"popular"} == {item["source"] for item in recommend({"detail": True})}
    assert [([1], [1])] * 2 == [(metrics["Requests"], metrics["Fallbacks"]) for metrics in published()]


def test_asleep_the_popular_groups_answer_as_asleep_and_no_alarm_counts_them(recommend, personalize, published):
    """No fallback, no warning: the environment has no campaign because its owner wants none."""
    boto3.client("ssm").put_parameter(Name="/pets/test/asleep", Value="true", Type="String")
    personalize.judge = lambda operation, request: NOT_THERE

    assert POPULAR[:2] == recommend({"userId": "u1", "limit": 2})
    assert {"asleep"} == {item["source"] for item in recommend({"detail": True})}
    assert [([1], [0], [1])] * 2 == [(m["Requests"], m["Fallbacks"], m["Asleep"]) for m in published()]


@pytest.mark.parametrize("value", [None, "false", "TRUE"])
def test_awake_a_missing_campaign_is_a_fallback(recommend, personalize, published, value):
    """Whatever the parameter holds but `true`, and where there is none, the alarm hears of it."""
    if value is not None:
        boto3.client("ssm").put_parameter(Name="/pets/test/asleep", Value=value, Type="String")
    personalize.judge = lambda operation, request: NOT_THERE

    assert {"popular"} == {item["source"] for item in recommend({"detail": True})}
    [metrics] = published()
    assert ([1], True) == (metrics["Fallbacks"], "Asleep" not in metrics)


def test_asleep_other_failures_are_failures(recommend, personalize, published):
    """An environment that sleeps and whose Personalize is throttled has a campaign, and a problem."""
    boto3.client("ssm").put_parameter(Name="/pets/test/asleep", Value="true", Type="String")
    personalize.judge = lambda operation, request: THROTTLED

    assert {"popular"} == {item["source"] for item in recommend({"detail": True})}
    assert [[1]] == [metrics["Fallbacks"] for metrics in published()]


def test_d31_recovery_needs_no_restart(recommend, personalize, published):
    """The next call after an outage is personal again."""
    personalize.judge = lambda operation, request: NOT_THERE
    recommend({"userId": "u1"})
    personalize.judge = lambda operation, request: None

    assert {"personalize"} == {item["source"] for item in recommend({"userId": "u1", "detail": True})}
    assert [[1], [0]] == [metrics["Fallbacks"] for metrics in published()]


def test_d31_the_last_promotions_list_comes_first(recommend, personalize):
    """The list that the promotion wrote leads the packaged one."""
    content = {"itemList": [{"itemId": "1-Persian-3-3", "score": 0.1}]}
    boto3.client("s3").put_object(Bucket="seed", Key="popular/g1.json", Body=json.dumps(content).encode())
    personalize.judge = lambda operation, request: NOT_THERE

    assert [{"id": "1-Persian-3-3"}, *POPULAR[:1]] == recommend({"limit": 2})


def test_d32_detail_tells_score_reason_and_recommendation(recommend):
    """With the recommendation's id, a click can be attributed."""
    expected = {
        "id": "2-Beagle-3-3",
        "score": 0.5,
        "reason": ["Popular item"],
        "recommendationId": "RID-1",
        "source": "personalize",
    }

    assert [expected] == recommend({"userId": "u1", "limit": 1, "detail": True})


def test_d33_filters_and_context_reach_personalize(recommend, personalize):
    """The name becomes the ARN; values and context are passed on."""
    recommend({"filters": {"name": "cats", "values": {"BREED": ["Pug"]}}, "context": {"DEVICE": "phone"}})

    [request] = personalize.of("GetRecommendations")
    assert (FILTER_ARNS["cats"], {"BREED": '"Pug"'}, {"DEVICE": "phone"}) == (
        request["filterArn"],
        request["filterValues"],
        request["context"],
    )


def test_a_refused_filter_is_the_callers_fault(recommend, personalize, published):
    """What only Personalize can judge is a 400 with its words, not a fallback that hides the mistake."""
    personalize.judge = lambda operation, request: INVALID

    answer = recommend({"filters": {"name": "cats", "values": {"X": "1"}}})

    assert (400, "filters") == problem(answer)[:2]
    [metrics] = published()
    assert ([1], [1], True) == (metrics["Requests"], metrics["BadRequests"], "Fallbacks" not in metrics)


@pytest.mark.parametrize(
    ("payload", "field", "value"),
    [
        ({"userId": ""}, "userId", ""),
        ({"userId": "a\x00"}, "userId", "a\x00"),
        ({"filters": "rabbits"}, "filters.name", "rabbits"),
        ({"context": "phone"}, "context", "phone"),
        ({"detail": "yes"}, "detail", "yes"),
    ],
)
def test_a_bad_request_names_field_and_value(recommend, payload, field, value):
    """The caller learns what to correct."""
    assert (400, field, value) == problem(recommend(payload))


def test_d13_no_log_line_holds_a_visitor(load_handler, personalize, capsys):
    """Answers, fallbacks and refusals leave no ids in the logs."""
    handler = load_handler("recommend", LOG_LEVEL="DEBUG", DEADLINE_MILLISECONDS="20000")
    for fault in (None, NOT_THERE, Fault("InvalidInputException", "secret-user is wrong")):
        personalize.judge = lambda operation, request, fault=fault: fault
        handler.lambda_handler({"userId": "secret-user", "sessionId": "secret-session"}, Context())
    handler.lambda_handler({"userId": "secret-user" * 50}, Context())

    output = capsys.readouterr()
    assert "answered from the popular list" in output.out
    assert [] == [line for line in (output.out + output.err).splitlines() if "secret" in line]


@pytest.mark.parametrize("milliseconds", ["100", "250"])
def test_the_deadline_holds_while_personalize_stalls(load_handler, personalize, milliseconds):
    """The visitor has an answer before Personalize gives one."""
    answered = Event()
    personalize.judge = lambda operation, request: answered.wait(60) and None
    handler = load_handler("recommend", DEADLINE_MILLISECONDS=milliseconds)

    try:
        answer = handler.lambda_handler({"userId": "u1", "limit": 1, "detail": True}, Context())
        assert not answered.is_set()
    finally:
        answered.set()

    assert "popular" == answer[0]["source"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(["userId", "sessionId", "limit", "filters", "context", "detail", "body", "isBase64Encoded"])
PAYLOADS = st.dictionaries(FIELDS, JSON | st.just("cats") | st.integers(1, 500), max_size=5)


@FUZZ
@given(event=JSON | PAYLOADS | st.fixed_dictionaries({"body": PAYLOADS | PAYLOADS.map(json.dumps)}))
def test_whatever_is_asked_is_answered(recommend, personalize, event):
    """Any request gets a list or a 400, and Personalize never sees what its model forbids."""
    personalize.requests.clear()

    answer = recommend(event)

    status = answer["statusCode"] if isinstance(answer, dict) else 200
    assert status in (200, 400)
    assert len(personalize.requests) == (status == 200)
    json.dumps(answer, allow_nan=False)
    assert [] == personalize.beyond_limits


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("userID", "userId"), ("user_id", "userId"), ("userid", "userId"), ("sessionid", "sessionId"),
        ("session_id", "sessionId"), ("Limit", "limit"), ("Filters", "filters"), ("Context", "context"),
        ("DETAIL", "detail"), ("Body", "body"),
    ],
)  # fmt: skip
def test_a_name_that_is_nearly_right_is_refused_with_the_right_one(recommend, personalize, wrong, right):
    """Ignored it would be nobody's request; in every form, and beside the right name too."""
    for payload in ({wrong: "u1"}, {wrong: "u1", "userId": "u1"}):
        for event in (payload, {"body": payload}, {"body": json.dumps(payload)}):
            answer = recommend(event)
            assert (400, wrong, "u1") == problem(answer)
            assert f"the field is called {right}" in json.dumps(answer)
    assert [] == personalize.requests


def test_members_of_filters_have_their_names_too(recommend):
    """`Name` and `Values` are named below `filters`."""
    assert (400, "filters.Name", "cats") == problem(recommend({"filters": {"Name": "cats"}}))
    assert (400, "filters.VALUES", "an object of 0 members") == problem(
        recommend({"filters": {"name": "cats", "VALUES": {}}})
    )


def test_fields_that_resemble_nothing_are_ignored(recommend):
    """A site may send more than the function knows."""
    assert recommend({"userId": "u1"}) == recommend({"userId": "u1", "page": 1, "uid": "x", "itemId": "y"})


@pytest.mark.parametrize("error", [MemoryError(), KeyError("x"), OSError("disk"), AssertionError(), StopIteration()])
def test_no_odd_failure_of_a_call_reaches_the_visitor(load_handler, monkeypatch, error):
    """Whatever a call to Personalize raises, the popular list answers, and Personalize with the next request."""
    handler = load_handler("recommend", DEADLINE_MILLISECONDS="20000")
    client = handler.recommender.campaign.client
    with monkeypatch.context() as patched:

        def fail(**_: Any) -> Any:
            raise error

        patched.setattr(client, "get_recommendations", fail)
        answer = handler.lambda_handler({"userId": "u1", "detail": True}, Context())
        assert "popular" == answer[0]["source"]
    assert "personalize" == handler.lambda_handler({"userId": "u1", "detail": True}, Context())[0]["source"]
