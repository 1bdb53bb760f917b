"""What clients of the service send and store: properties, dialects and digits, from the request to the answer."""

import csv
import io
import json
import time
from typing import Any

import pytest

from tests.conformance.personalize.conftest import Trained
from tests.personalize_world import ROLE, USERS, World, schema, settled, share_of, until

EVENT = {"eventType": "DetailView", "sentAt": 1_700_000_000}
ITEM = {"name": "ITEM_ID", "type": "string"}


def _export(world: World, dataset: str, mode: str, name: str) -> list[dict[str, str]]:
    arn = world.control.create_dataset_export_job(
        jobName=name,
        datasetArn=dataset,
        ingestionMode=mode,
        roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": f"s3://exports/{name}/"}},
    )["datasetExportJobArn"]
    settled(lambda: world.control.describe_dataset_export_job(datasetExportJobArn=arn)["datasetExportJob"])
    text = (world.server.s3_root / "exports" / name / "part-00000.csv").read_text()
    return list(csv.DictReader(io.StringIO(text)))


def _send(world: World, visitor: str, *properties: dict[str, Any], **event: Any) -> None:
    now = time.time()
    listed = [
        {**EVENT, "sentAt": now - place, "properties": json.dumps(one), **event} for place, one in enumerate(properties)
    ]
    world.events.put_events(trackingId=world.tracking_id, sessionId=visitor, userId=visitor, eventList=listed)


def test_an_item_among_the_properties_is_the_taste_of_now(trained: Trained) -> None:
    """Recommendations follow such events, filters know them, and so does the export."""
    world = trained.world
    liked = [{key: f"cat{number}"} for number, key in enumerate(("itemId", "item_id", "ITEM_ID", "itemid", "itemId"))]
    _send(world, "newcomer", *liked)
    assert share_of("cat", world.recommended(trained.recommendation, "newcomer")) > 0.7
    seen = world.filter(trained.group, "seen", 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("detailview")')
    everything = world.recommended(trained.recommendation, "newcomer", 25, filterArn=seen)
    assert {f"cat{number}" for number in range(5)} == set(everything)
    rows = _export(world, world.arn("dataset/pets/INTERACTIONS"), "PUT", "newcomer")
    assert {f"cat{number}" for number in range(5)} == {row["ITEM_ID"] for row in rows if row["USER_ID"] == "newcomer"}


def test_what_the_event_itself_says_counts_more(trained: Trained) -> None:
    """A member of the event has the last word over its properties; two spellings in these that differ are refused."""
    world = trained.world
    _send(world, "torn", {"itemId": "dog1"}, itemId="cat7")
    rows = _export(world, world.arn("dataset/pets/INTERACTIONS"), "PUT", "torn")
    assert ["cat7"] == [row["ITEM_ID"] for row in rows if row["USER_ID"] == "torn"]
    with pytest.raises(world.events.exceptions.InvalidInputException, match="itemId and item_id"):
        _send(world, "torn", {"itemId": "dog1", "item_id": "cat1"})
    with pytest.raises(world.events.exceptions.InvalidInputException, match="1 to 256 characters"):
        _send(world, "torn", {"itemId": ""})


def test_values_among_the_properties_choose_what_trains(world: World) -> None:
    """A solution's eventValueThreshold reads them, as numbers and as texts; the guide's "true" is no value."""
    group = world.group()
    fields: list[dict[str, Any]] = [
        *({"name": name, "type": "string"} for name in ("USER_ID", "ITEM_ID", "EVENT_TYPE")),
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "EVENT_VALUE", "type": ["null", "float"]},
    ]
    dataset = world.dataset(group, "Interactions", schema("Interactions", *fields))
    world.tracker(group)
    for user in range(30):
        for call in range(4):
            properties = [
                {"itemId": f"i{(call * 10 + step) % 37}", "eventValue": (4, "5", "true", 1)[step % 4]}
                for step in range(10)
            ]
            _send(world, f"u{user}", *properties)
    stored = _export(world, dataset, "PUT", "values")
    assert {"4.0", "5.0", "", "1.0"} == {row["EVENT_VALUE"] for row in stored}
    rated = world.solution(group, "aws-popularity-count", solutionConfig={"eventValueThreshold": "4"})
    reason = world.train(rated)["failureReason"]
    assert "Dataset has fewer than 1000 interactions" in reason
    kept = len({tuple(row.values()) for row in stored if row["EVENT_VALUE"] in ("4.0", "5.0")})
    assert f"there are {kept}" in reason


def test_segments_leave_out_whom_interactions_name(world: World) -> None:
    """Filters on UserID by what users did, imported or put, are made and applied; not to segments by attributes."""
    group = world.seeded()
    users = world.dataset(group, "Users", USERS)
    world.load(users, "USER_ID,AGE,CITY\n" + "".join(f"u{n},{n},Rome\n" for n in range(200)), "users")
    solutions = {
        recipe: world.train(world.solution(group, f"aws-{recipe}", recipe))["solutionVersionArn"]
        for recipe in ("item-affinity", "item-attribute-affinity")
    }
    world.send("u4", "dog1", event_type="Adopt")
    world.send(None, "dog2", session="of-u6", event_type="Adopt")
    world.send("u6", "dog2", session="of-u6")
    adopters = world.filter(group, "in", 'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("adopt", "none")')
    others = world.filter(
        group,
        "out",
        "EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ($EVENT_TYPE) | EXCLUDE UserID WHERE Users.AGE < 100",
    )

    def segment(name: str, **more: Any) -> list[str]:
        line = {"itemId": "dog1", **({"filterValues": more.pop("values")} if "values" in more else {})}
        world.put(f"batch/{name}/asked.json", json.dumps(line) + "\n")
        arn = world.control.create_batch_segment_job(
            jobName=name,
            solutionVersionArn=solutions["item-affinity"],
            jobInput={"s3DataSource": {"path": f"s3://batch/{name}/"}},
            jobOutput={"s3DataDestination": {"path": f"s3://segments/{name}/"}},
            roleArn=ROLE,
            numResults=500,
            **more,
        )["batchSegmentJobArn"]
        until(
            lambda: world.control.describe_batch_segment_job(batchSegmentJobArn=arn)["batchSegmentJob"],
            lambda shown: shown["status"] in ("ACTIVE", "CREATE FAILED"),
        )
        (answer,) = (world.server.s3_root / "segments" / name / "asked.json.out").read_text().splitlines()
        return list(json.loads(answer)["output"]["recommendedUsers"])

    assert {"u4", "u6"} == set(segment("in", filterArn=adopters))
    kept = segment("out", filterArn=others, values={"EVENT_TYPE": '"Adopt"'})
    assert {f"u{number}" for number in range(100, 200)} == set(kept)
    assert [] == segment("all", filterArn=others, values={"EVENT_TYPE": '"DetailView"'})
    with pytest.raises(world.control.exceptions.InvalidInputException, match="item-attribute-affinity does not allow"):
        world.control.create_batch_segment_job(
            jobName="refused",
            solutionVersionArn=solutions["item-attribute-affinity"],
            jobInput={"s3DataSource": {"path": "s3://a/b"}},
            jobOutput={"s3DataDestination": {"path": "s3://a/c/"}},
            roleArn=ROLE,
            filterArn=adopters,
        )


def test_integers_beyond_doubles_reach_filters_answers_and_exports(world: World) -> None:
    """Imported and put, of a literal and of a placeholder: every digit counts."""
    group = world.seeded()
    first, second = 9_007_199_254_740_993, 9_007_199_254_740_992
    fields: list[dict[str, Any]] = [
        ITEM,
        {"name": "ANIMAL_TYPE", "type": "string", "categorical": True},
        {"name": "ITEM_VALUE", "type": ["null", "float"]},
        {"name": "CREATION_TIMESTAMP", "type": "long"},
        {"name": "SELLER", "type": ["null", "long"]},
    ]
    items = world.arn("dataset/pets/ITEMS")
    arn = world.control.create_schema(name="sellers", schema=schema("Items", *fields))["schemaArn"]
    world.control.update_dataset(datasetArn=items, schemaArn=arn)
    until(
        lambda: world.control.describe_dataset(datasetArn=items)["dataset"],
        lambda shown: (shown["schemaArn"], shown["status"]) == (arn, "ACTIVE"),
    )
    text = f"ITEM_ID,ANIMAL_TYPE,ITEM_VALUE,CREATION_TIMESTAMP,SELLER\ncat1,1,,1,{first}\ncat2,1,,1,{second}\n"
    assert "ACTIVE" == world.load(items, text, "sellers")["status"]
    properties = json.dumps({"animalType": "1", "creationTimestamp": "1", "seller": str(first)})
    world.events.put_items(datasetArn=items, items=[{"itemId": "cat3", "properties": properties}])
    version = world.train(world.solution(group, "aws-user-personalization-v2"))["solutionVersionArn"]
    campaign = world.campaign(version)
    literal = world.filter(group, "literal", f"INCLUDE ItemID WHERE Items.SELLER = {first}")
    asked = world.filter(group, "asked", "INCLUDE ItemID WHERE Items.SELLER IN ($SELLER)")
    assert {"cat1", "cat3"} == set(world.recommended(campaign, "u1", filterArn=literal))
    for given in (str(second), f'"{second}"'):
        assert ["cat2"] == world.recommended(campaign, "u1", filterArn=asked, filterValues={"SELLER": given})
    shown = world.runtime.get_recommendations(
        campaignArn=campaign, userId="u1", filterArn=literal, metadataColumns={"ITEMS": ["SELLER"]}
    )["itemList"]
    assert {str(first)} == {value for entry in shown for value in entry["metadata"].values()}
    exported = {row["ITEM_ID"]: row["SELLER"] for row in _export(world, items, "ALL", "sellers")}
    assert {"cat1": str(first), "cat2": str(second), "cat3": str(first)} == exported


def test_lines_of_a_batch_end_at_newlines(trained: Trained) -> None:
    """Separators that JSON allows in a string stay in it; a carriage return before a newline is none of the line."""
    world = trained.world
    users = ["u1", "lo\u2028la", "ne\u0085l", "pa\u2029ra", "u2"]
    lines = [json.dumps({"userId": user}, ensure_ascii=False) for user in users]
    world.put("batch/lines/users.json", lines[0] + "\n\n" + "\r\n".join(lines[1:]) + " \t\r\n \x85\n")
    arn = world.control.create_batch_inference_job(
        jobName="lines",
        solutionVersionArn=trained.version,
        numResults=3,
        jobInput={"s3DataSource": {"path": "s3://batch/lines/users.json"}},
        jobOutput={"s3DataDestination": {"path": "s3://answers/lines"}},
        roleArn=ROLE,
    )["batchInferenceJobArn"]
    until(
        lambda: world.control.describe_batch_inference_job(batchInferenceJobArn=arn)["batchInferenceJob"],
        lambda shown: shown["status"] in ("ACTIVE", "CREATE FAILED"),
    )
    text = (world.server.s3_root / "answers" / "lines" / "users.json.out").read_bytes().decode()
    answers = [json.loads(line) for line in text.split("\n")[:-1]]
    assert [*({"userId": user} for user in users), "\x85"] == [answer["input"] for answer in answers]
    assert [None] * 5 == [answer["error"] for answer in answers[:5]]


@pytest.mark.parametrize(
    ("given", "answers"),
    [
        ("s3://a/same/", "s3://a/same/"),
        ("s3://a/same/", "s3://a/same"),
        ("s3://a/same", "s3://a/same/"),
        ("s3://a/same/", "s3://a/same/out/"),
        ("s3://a/same", "s3://a/same_too/"),
        ("s3://a", "s3://a/"),
        ("s3://a/", "s3://a/out/"),
        ("s3://a/in/", "http://a/out/"),
        ("s3://a/in/", "s3:///out/"),
    ],
)
def test_the_output_of_a_job_is_not_its_input(trained: Trained, given: str, answers: str) -> None:
    """An output that the next job would read as input is refused in the service's words, and so is no address."""
    with pytest.raises(trained.world.control.exceptions.InvalidInputException, match="Invalid S3 output path"):
        _job(trained, "refused", given, answers)


def test_an_input_must_be_an_address_in_s3(trained: Trained) -> None:
    """The service has words for that too."""
    with pytest.raises(trained.world.control.exceptions.InvalidInputException, match="Invalid S3 input path"):
        _job(trained, "refused", "https://a/in/", "s3://a/out/")


def test_an_input_file_may_lie_where_the_answers_go(trained: Trained) -> None:
    """Published notebooks use the root of one bucket for both: a second job answers the same lines as the first."""
    trained.world.put("root/users.json", '{"userId": "u1"}\n')
    for name in ("first", "second"):
        shown = _ended(trained.world, _job(trained, name, "s3://root/users.json", "s3://root/"))
        assert "ACTIVE" == shown["status"]
        files = sorted(path.name for path in (trained.world.server.s3_root / "root").iterdir())
        assert ["users.json", "users.json.out"] == files


def _job(trained: Trained, name: str, given: str, answers: str) -> str:
    return str(
        trained.world.control.create_batch_inference_job(
            jobName=name,
            solutionVersionArn=trained.version,
            jobInput={"s3DataSource": {"path": given}},
            jobOutput={"s3DataDestination": {"path": answers}},
            roleArn=ROLE,
        )["batchInferenceJobArn"]
    )


def _ended(world: World, job: str) -> Any:
    return until(
        lambda: world.control.describe_batch_inference_job(batchInferenceJobArn=job)["batchInferenceJob"],
        lambda shown: shown["status"] in ("ACTIVE", "CREATE FAILED"),
    )
