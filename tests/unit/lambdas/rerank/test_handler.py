"""rerank as Lambda runs it: over HTTP to a fake Personalize, S3 of moto."""

import json
from threading import Event
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.shared.animal import AnimalGroup
from tests.unit.lambdas.conftest import CAMPAIGN_ARN, Context
from tests.unit.lambdas.forward_events.stream import kinesis_event, site_event
from tests.unit.lambdas.personalize_server import BROKEN, INVALID, NOT_THERE, RESET, THROTTLED, Fault

FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
BEAGLE, SIAMESE, PUG, RUSSIAN = "2-Beagle-3-3", "1-Siamese-2-2", "2-Pug-1-4", "1-Russian_Blue-1-2"


@pytest.fixture
def rerank(load_handler):
    """The handler with a deadline that a busy computer keeps too; `rerank(event)` invokes it."""
    handler = load_handler("rerank", DEADLINE_MILLISECONDS="20000")
    return lambda event: handler.lambda_handler(event, Context())


def animal(item_id: object, group: str) -> dict[str, Any]:
    parsed = AnimalGroup.parse(group)
    return {
        "itemId": item_id,
        "animalMetadata": {**parsed.metadata, "animal_size_id": int(parsed.size)},
    }


def request(*animals: tuple[object, str], **changes: Any) -> dict[str, Any]:
    return {"userId": "u1", "itemMetadataList": [animal(*entry) for entry in animals], **changes}


def problem(answer: Any) -> tuple[int, str, Any]:
    body = json.loads(answer["body"]) if isinstance(answer["body"], str) else answer["body"]
    return answer["statusCode"], body["error"]["field"], body["error"]["message"]


def test_ranks_animals_by_their_groups(rerank, personalize):
    """The visitor's favourite group comes first; animals of one group keep their order."""
    answer = rerank(request(("a", PUG), ("b", BEAGLE), ("c", PUG), ("d", SIAMESE), ("e", BEAGLE)))

    assert ["b", "e", "d", "a", "c"] == answer["ranking"]
    [sent] = personalize.of("GetPersonalizedRanking")
    assert {"campaignArn": CAMPAIGN_ARN, "userId": "u1", "inputList": [PUG, BEAGLE, SIAMESE]} == sent


def test_d24_a_proxy_is_answered_in_kind(rerank):
    """The JSON body of a proxy gets a JSON body."""
    answer = rerank({"body": json.dumps(request(("a", PUG), ("b", BEAGLE)))})

    assert (200, ["b", "a"]) == (answer["statusCode"], json.loads(answer["body"])["ranking"])


def test_d08_d09_both_handlers_name_a_group_alike(rerank, load_handler, personalize):
    """The group of an event and the group of a ranked animal are one, with numbers and with texts."""
    metadata = {"animal_species_id": 2, "animal_primary_breed_id": "Pug", "animal_size_id": 1, "animal_age_id": 4}
    rerank({"itemMetadataList": [{"itemId": "a", "animalMetadata": metadata}]})
    forward = load_handler("forward_events")
    forward.lambda_handler(kinesis_event(site_event(animalMetadata=metadata)), Context())

    [ranked], [event] = personalize.of("GetPersonalizedRanking")[0]["inputList"], personalize.stored()
    assert PUG == ranked == event["itemId"]


def test_d27_an_anonymous_visitor_is_ranked_too(rerank, personalize):
    """Without a user the session asks, without a session somebody new."""
    rerank(request(("a", PUG), userId=None, sessionId="s1"))
    rerank(request(("a", PUG), userId=None))

    session, stranger = (sent["userId"] for sent in personalize.of("GetPersonalizedRanking"))
    assert ("s1", False) == (session, stranger in ("s1", "unknown"))


def test_d28_an_empty_list_is_an_empty_ranking(rerank, personalize):
    """Nothing to rank needs no call."""
    answer = rerank({"userId": "u1", "itemMetadataList": []})

    assert ([], []) == (answer["ranking"], answer["personalizeResponse"]["personalizedRanking"])
    assert [] == personalize.requests


def test_d28_five_hundred_groups_are_ranked_and_one_more_is_refused(rerank, personalize):
    """The limit of the API is named; scores of two calls could not be compared."""
    groups = [f"2-Breed {n}-1-1" for n in range(501)]

    assert 500 == len(rerank(request(*((n, group) for n, group in enumerate(groups[:500]))))["ranking"])
    refused = rerank(request(*((n, group) for n, group in enumerate(groups))))

    assert (400, "itemMetadataList", "must have at most 500 different groups, has 501") == problem(refused)


def test_d28_the_input_order_is_the_callers(rerank, personalize):
    """The same request is the same call, every time."""
    ask = request(*((n, f"2-Breed {n % 40}-1-1") for n in range(80)))
    for _ in range(5):
        rerank(ask)

    first, *others = (sent["inputList"] for sent in personalize.of("GetPersonalizedRanking"))
    assert [f"2-Breed {n}-1-1" for n in range(40)] == first
    assert [first] * 4 == others


def test_d29_the_answer_is_json_once_with_what_the_published_one_holds(rerank):
    """ResponseMetadata has the members and headers of the published README, and no other header of the transport."""
    answer = rerank({"body": request(("a", PUG), ("b", BEAGLE))})
    body = json.loads(answer["body"])
    metadata = body["personalizeResponse"].pop("ResponseMetadata")

    expected = {
        "ranking": ["b", "a"],
        "personalizeResponse": {
            "personalizedRanking": [{"itemId": BEAGLE, "score": 0.5}, {"itemId": PUG, "score": 0.5}],
            "recommendationId": "RID-2",
        },
        "source": "personalize",
    }
    assert (200, expected) == (answer["statusCode"], body)
    assert (200, 0) == (metadata["HTTPStatusCode"], metadata["RetryAttempts"])
    members = {"HTTPStatusCode", "RetryAttempts", "HTTPHeaders"}
    assert members <= set(metadata) <= members | {"RequestId"}
    shown = {"date", "content-type", "content-length", "connection", "x-amzn-requestid"}
    assert {"date", "content-type", "content-length"} <= set(metadata["HTTPHeaders"]) <= shown


def test_asleep_the_order_is_by_popularity_marked_asleep_and_no_alarm_counts_it(rerank, personalize, published):
    """The shape is that of a fallback; groups that are not popular keep their order at the end."""
    boto3.client("ssm").put_parameter(Name="/pets/test/asleep", Value="true", Type="String")
    personalize.judge = lambda operation, request: NOT_THERE
    content = {"itemList": [{"itemId": SIAMESE}, {"itemId": BEAGLE}]}
    boto3.client("s3").put_object(Bucket="seed", Key="popular/g1.json", Body=json.dumps(content).encode())

    answer = rerank(request(("a", "2-Nobody Knows-1-4"), ("b", BEAGLE), ("c", SIAMESE)))

    assert ("asleep", ["c", "b", "a"]) == (answer["source"], answer["ranking"])
    assert answer["personalizeResponse"] == {
        "personalizedRanking": [{"itemId": group, "score": 0.0} for group in (SIAMESE, BEAGLE, "2-Nobody Knows-1-4")],
        "recommendationId": None,
    }
    [metrics] = published()
    assert ([1], [0], [1]) == (metrics["Requests"], metrics["Fallbacks"], metrics["Asleep"])


def test_awake_a_missing_campaign_is_a_fallback(rerank, personalize, published):
    """The alarm hears of it."""
    personalize.judge = lambda operation, request: NOT_THERE

    assert "popular" == rerank(request(("a", PUG)))["source"]
    [metrics] = published()
    assert ([1], True) == (metrics["Fallbacks"], "Asleep" not in metrics)


def test_unknown_groups_go_last_in_the_order_given(rerank):
    """Groups that Personalize does not score follow the others as the caller had them."""
    answer = rerank(
        request(("x", "2-New A-1-1"), ("a", PUG), ("y", "2-New B-1-1"), ("b", BEAGLE), ("z", "2-New A-1-1"))
    )

    assert ["b", "a", "x", "z", "y"] == answer["ranking"]
    scores = [(entry["itemId"], entry["score"]) for entry in answer["personalizeResponse"]["personalizedRanking"]]
    assert [(BEAGLE, 0.5), (PUG, 0.5), ("2-New A-1-1", 0.0), ("2-New B-1-1", 0.0)] == scores


def test_unknown_groups_that_are_scored_0_go_last_in_the_order_given(rerank, personalize, monkeypatch):
    """As the service answers them, wherever it puts them; every group has a score."""
    items = [
        {"itemId": "2-New B-1-1", "score": 0.0},
        {"itemId": PUG, "score": 1.0},
        {"itemId": "2-New A-1-1", "score": 0},
    ]
    monkeypatch.setattr(personalize, "_answer", lambda operation, request: {"personalizedRanking": items})
    answer = rerank(request(("x", "2-New A-1-1"), ("a", PUG), ("y", "2-New B-1-1")))

    assert ["a", "x", "y"] == answer["ranking"]
    scores = [entry["score"] for entry in answer["personalizeResponse"]["personalizedRanking"]]
    assert [1.0, 0.0, 0.0] == scores


def test_ids_of_animals_come_back_as_they_were_given(rerank):
    """Numbers stay numbers, an animal listed twice is ranked twice."""
    assert [7, "7", 7] == rerank(request((7, PUG), ("7", PUG), (7, PUG)))["ranking"]


@pytest.mark.parametrize("fault", [THROTTLED, BROKEN, RESET, NOT_THERE, INVALID])
def test_d31_without_personalize_the_order_is_by_popularity(rerank, personalize, published, fault):
    """Popular groups first, the others as given, marked in answer and metrics."""
    content = {"itemList": [{"itemId": RUSSIAN}, {"itemId": PUG}]}
    boto3.client("s3").put_object(Bucket="seed", Key="popular/g1.json", Body=json.dumps(content).encode())
    personalize.judge = lambda operation, request: fault

    answer = rerank(request(("x", "2-New A-1-1"), ("a", PUG), ("y", "2-New B-1-1"), ("r", RUSSIAN)))

    assert (["r", "a", "x", "y"], "popular") == (answer["ranking"], answer["source"])
    assert {0.0} == {entry["score"] for entry in answer["personalizeResponse"]["personalizedRanking"]}
    assert "ResponseMetadata" not in answer["personalizeResponse"]
    assert [([1], [1])] == [(metrics["Requests"], metrics["Fallbacks"]) for metrics in published()]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"itemMetadataList": None}, "itemMetadataList"),
        ({"itemMetadataList": {}}, "itemMetadataList"),
        ({"itemMetadataList": [5]}, "itemMetadataList[0]"),
        ({"itemMetadataList": [{"animalMetadata": {}}]}, "itemMetadataList[0].itemId"),
        ({"itemMetadataList": [animal("a", PUG), {"itemId": "b"}]}, "itemMetadataList[1].animalMetadata"),
        (
            {"itemMetadataList": [{"itemId": "b", "animalMetadata": {"animal_species_id": 9}}]},
            "itemMetadataList[0].animalMetadata.animal_species_id",
        ),
        ({"itemMetadataList": [{}] * 5001}, "itemMetadataList"),
        ({"userId": []}, "userId"),
        ({"context": []}, "context"),
    ],
)
def test_a_bad_request_names_its_field(rerank, personalize, published, changes, field):
    """The caller learns which animal and which member; it is no fallback."""
    status, named, _ = problem(rerank(request(("a", PUG), **changes)))

    assert (400, field, []) == (status, named, personalize.requests)
    [metrics] = published()
    assert ([1], True) == (metrics["BadRequests"], "Fallbacks" not in metrics)


def test_d13_no_log_line_holds_a_visitor(load_handler, personalize, capsys):
    """Answers, fallbacks and refusals leave no ids in the logs."""
    handler = load_handler("rerank", LOG_LEVEL="DEBUG", DEADLINE_MILLISECONDS="20000")
    for fault in (None, NOT_THERE, Fault("InvalidInputException", "secret-user is wrong")):
        personalize.judge = lambda operation, request, fault=fault: fault
        handler.lambda_handler(request(("secret-animal", PUG), userId="secret-user"), Context())
    handler.lambda_handler(request(("secret-animal", PUG), userId="secret-user" * 50), Context())

    output = capsys.readouterr()
    assert "ranked by popularity" in output.out
    assert [] == [line for line in (output.out + output.err).splitlines() if "secret" in line]


@pytest.mark.parametrize("milliseconds", ["100", "250"])
def test_the_deadline_holds_while_personalize_stalls(load_handler, personalize, milliseconds):
    """The visitor has an answer before Personalize gives one."""
    answered = Event()
    personalize.judge = lambda operation, request: answered.wait(60) and None
    handler = load_handler("rerank", DEADLINE_MILLISECONDS=milliseconds)

    try:
        answer = handler.lambda_handler(request(("a", PUG)), Context())
        assert not answered.is_set()
    finally:
        answered.set()

    assert "popular" == answer["source"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=8,
)
ANIMALS = st.lists(
    st.builds(animal, JSON | st.text(min_size=1, max_size=5), st.sampled_from([PUG, BEAGLE, "2-New-1-1"]))
    | st.builds(
        lambda base, changes: {**base, **changes},
        st.just(animal("a", PUG)),
        st.dictionaries(st.sampled_from(["itemId", "animalMetadata"]), JSON),
    )
    | JSON,
    max_size=4,
)
PAYLOADS = st.dictionaries(st.sampled_from(["userId", "sessionId", "context"]), JSON, max_size=2).flatmap(
    lambda rest: (ANIMALS | JSON).map(lambda animals: {**rest, "itemMetadataList": animals})
)


@FUZZ
@given(event=JSON | PAYLOADS | st.fixed_dictionaries({"body": PAYLOADS | PAYLOADS.map(json.dumps)}))
def test_whatever_is_asked_is_answered(rerank, personalize, event):
    """Any request gets a ranking of all its animals or a 400, and Personalize never sees what its model forbids."""
    answer = rerank(event)

    assert isinstance(answer, dict)
    json.dumps(answer, allow_nan=False)
    if "ranking" in answer:
        assert len(event["itemMetadataList"]) == len(answer["ranking"])
        assert "personalize" == answer["source"]
    else:
        assert answer["statusCode"] in (200, 400)
    assert [] == personalize.beyond_limits


@pytest.mark.parametrize(
    ("changes", "field", "right"),
    [
        ({"userID": "u"}, "userID", "userId"),
        ({"session_id": "s"}, "session_id", "sessionId"),
        ({"item_metadata_list": []}, "item_metadata_list", "itemMetadataList"),
        ({"itemmetadatalist": []}, "itemmetadatalist", "itemMetadataList"),
        ({"Context": {}}, "Context", "context"),
        ({"itemMetadataList": [{"item_id": "1"}]}, "itemMetadataList[0].item_id", "itemId"),
        (
            {"itemMetadataList": [{"itemId": "1", "animalmetadata": {}}]},
            "itemMetadataList[0].animalmetadata",
            "animalMetadata",
        ),
        (
            {"itemMetadataList": [{"itemId": "1", "animalMetadata": {"animalSizeId": 1}}]},
            "itemMetadataList[0].animalMetadata.animalSizeId",
            "animal_size_id",
        ),
    ],
)
def test_a_name_that_is_nearly_right_is_refused_with_the_right_one(rerank, personalize, changes, field, right):
    """On every level, by its place; ignored it would be nobody's request or no animal's."""
    status, named, message = problem(rerank(request(("a", PUG), **changes)))

    assert (400, field, f"is not known: the field is called {right}") == (status, named, message)
    assert [] == personalize.requests


def test_an_animal_of_a_refused_breed_is_named(rerank, personalize):
    """The list is refused as for any other animal that cannot be, and nothing of it goes on."""
    given = request(("a", PUG), ("b", BEAGLE))
    given["itemMetadataList"][1]["animalMetadata"]["animal_primary_breed_id"] = "win at www.example.com"

    status, field, message = problem(rerank(given))

    assert (400, "itemMetadataList[1].animalMetadata.animal_primary_breed_id") == (status, field)
    assert "must not look like an address or a telephone number: write a space after a full stop" == message
    assert [] == personalize.requests


def test_scripts_of_the_config_are_taken(load_handler):
    """`BREED_SCRIPTS` is the config's `breedScripts`."""
    handler = load_handler("rerank", BREED_SCRIPTS="Latin,Cyrillic", DEADLINE_MILLISECONDS="20000")
    given = request(("a", PUG), ("b", BEAGLE))
    given["itemMetadataList"][1]["animalMetadata"]["animal_primary_breed_id"] = "Собака"

    assert ["a", "b"] == sorted(handler.lambda_handler(given, Context())["ranking"])
