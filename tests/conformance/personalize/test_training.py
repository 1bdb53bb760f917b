"""Training and promotion as a client sees them: what is too little, what counts, what fails, and what serves then."""

import csv
import io
from collections import Counter
from typing import Any

import httpx
import pytest

from personalize_local.api.guard import LOCAL_REQUEST
from tests.personalize_world import (
    INTERACTIONS,
    ITEMS,
    ROLE,
    START,
    World,
    interactions_csv,
    items_csv,
    settled,
    share_of,
)

WEIGHTS = {
    "eventsConfig": {
        "eventParametersList": [
            {"eventType": "DetailView", "weight": 0.2},
            {"eventType": "favorite", "weight": 1.0},
        ]
    }
}


def test_too_little_data_fails_with_the_reason(world: World) -> None:
    """Without a thousand interactions that count, the version ends as CREATE FAILED and says how many there are."""
    group = world.seeded()
    only_favorites = world.solution(group, "aws-user-personalization-v2", eventType="Favorite")
    version = world.train(only_favorites)
    assert version["status"] == "CREATE FAILED"
    assert "at least 1000 different interactions" in version["failureReason"]
    assert "there are 200" in version["failureReason"]
    latest = world.control.describe_solution(solutionArn=only_favorites)["solution"]["latestSolutionVersion"]
    assert (version["solutionVersionArn"], "CREATE FAILED") == (latest["solutionVersionArn"], latest["status"])


def test_event_weights_shape_the_version(world: World) -> None:
    """UpdateSolution's weights are in force from the next version on; the version before keeps its own."""
    solution = world.solution(world.seeded(), "aws-user-personalization-v2")
    before = world.train(solution)
    world.control.update_solution(solutionArn=solution, performAutoTraining=False, solutionUpdateConfig=WEIGHTS)
    update = settled(lambda: world.control.describe_solution(solutionArn=solution)["solution"]["latestSolutionUpdate"])
    assert WEIGHTS == update["solutionUpdateConfig"]
    assert WEIGHTS == world.control.describe_solution(solutionArn=solution)["solution"]["solutionConfig"]
    after = world.train(solution)
    assert ({}, WEIGHTS) == (before["solutionConfig"], after["solutionConfig"])
    assert "ACTIVE" == after["status"]


def test_put_events_train(world: World) -> None:
    """Events that came one by one train the next version, those of a session for the user whom it named."""
    group = world.group()
    world.dataset(group, "Interactions", INTERACTIONS)
    world.tracker(group)
    rows = csv.DictReader(io.StringIO(interactions_csv(80)))
    by_user: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_user.setdefault(row["USER_ID"], []).append(row)
    for user, events in by_user.items():
        for start in range(0, len(events), 10):
            listed = [
                {"eventType": one["EVENT_TYPE"], "itemId": one["ITEM_ID"], "sentAt": int(one["TIMESTAMP"])}
                for one in events[start : start + 10]
            ]
            who = {"userId": user} if start else {}
            world.events.put_events(trackingId=world.tracking_id, sessionId=f"of-{user}", eventList=listed, **who)
    version = world.train(world.solution(group, "aws-user-personalization-v2"))
    assert "ACTIVE" == version["status"]
    campaign = world.campaign(version["solutionVersionArn"])
    assert [1.0, 0.0] == [share_of("cat", world.recommended(campaign, visitor)) for visitor in ("u3", "u4")]
    # What a session did is the user's now: the session's own id is a stranger's.
    assert world.recommended(campaign, "of-u3") == world.recommended(campaign, "nobody")


def test_orders_of_failure(world: World) -> None:
    """Faults on order end a training, a campaign update and a call as they say, so often as they say."""
    solution = world.solution(world.seeded(), "aws-popularity-count")
    first = world.train(solution)["solutionVersionArn"]
    campaign = world.campaign(first)
    faults = f"{world.server.endpoint}/_local/faults"

    def order(**fault: Any) -> None:
        assert 200 == httpx.post(faults, json=fault, headers=LOCAL_REQUEST).status_code

    order(
        operation="CreateSolutionVersion", match=solution, outcome={"status": "CREATE FAILED", "failureReason": "No."}
    )
    failed = world.train(solution)
    assert ("CREATE FAILED", "No.") == (failed["status"], failed["failureReason"])
    assert "ACTIVE" == world.train(solution)["status"]

    order(operation="CreateSolutionVersion", outcome={"metrics": {"coverage": 0.125}})
    second = world.train(solution)["solutionVersionArn"]
    metrics = world.control.get_solution_metrics(solutionVersionArn=second)["metrics"]
    assert 0.125 == metrics["coverage"]
    assert "precision_at_5" in metrics

    order(operation="UpdateCampaign", match=second, outcome={"status": "CREATE FAILED", "failureReason": "Busy."})
    world.control.update_campaign(campaignArn=campaign, solutionVersionArn=second)
    update = settled(lambda: world.control.describe_campaign(campaignArn=campaign)["campaign"]["latestCampaignUpdate"])
    shown = world.control.describe_campaign(campaignArn=campaign)["campaign"]
    assert ("CREATE FAILED", "Busy.") == (update["status"], update["failureReason"])
    assert ("ACTIVE", first) == (shown["status"], shown["solutionVersionArn"])
    assert world.recommended(campaign, "u1")

    error = {"code": "ThrottlingException", "message": "Rate exceeded", "status": 429}
    order(operation="GetRecommendations", times=2, outcome={"error": error})
    for _ in range(2):
        with pytest.raises(world.runtime.exceptions.ClientError, match="ThrottlingException"):
            world.recommended(campaign, "u1")
    assert world.recommended(campaign, "u1")

    order(operation="GetRecommendations", outcome={"error": error})
    assert 200 == httpx.delete(faults, headers=LOCAL_REQUEST).status_code
    assert world.recommended(campaign, "u1")
    wrong = {"operation": "Nothing", "outcome": {"delaySeconds": 1}}
    assert 400 == httpx.post(faults, json=wrong, headers=LOCAL_REQUEST).status_code


def test_imports_follow_the_rules(world: World) -> None:
    """Missing columns, too few rows and bad cells end an import with the reason; modes replace or append."""
    group = world.group()
    interactions = world.dataset(group, "Interactions", INTERACTIONS)
    items = world.dataset(group, "Items", ITEMS)

    def reason(dataset: str, content: str, job: str, **more: Any) -> str:
        ended = world.load(dataset, content, job, **more)
        assert "CREATE FAILED" == ended["status"]
        return str(ended["failureReason"])

    with pytest.raises(world.control.exceptions.InvalidInputException, match="FULL"):
        world.load(interactions, interactions_csv(), "first", importMode="INCREMENTAL")
    missing = interactions_csv().replace("ITEM_ID,TIMESTAMP", "ITEM,TIME")
    assert "Input CSV is missing the following columns:[ITEM_ID, TIMESTAMP]." == reason(interactions, missing, "a")
    assert "at least 1000 different rows; this one has 16" in reason(interactions, interactions_csv(1), "b")
    assert "line 3: CREATION_TIMESTAMP" in reason(
        items, items_csv().replace("cat1,1,0.1,1699999000", "cat1,1,0.1,now"), "c"
    )
    arn = world.control.create_dataset_import_job(
        jobName="d", datasetArn=items, dataSource={"dataLocation": "s3://seed/nothing.csv"}
    )["datasetImportJobArn"]
    ended = settled(lambda: world.control.describe_dataset_import_job(datasetImportJobArn=arn)["datasetImportJob"])
    assert ("CREATE FAILED", "Invalid Data location.") == (ended["status"], ended["failureReason"])

    assert "ACTIVE" == world.load(interactions, interactions_csv(100), "full")["status"]
    later = interactions_csv(100).replace("u", "v").replace("vser", "user")
    assert "ACTIVE" == world.load(interactions, later, "more", importMode="INCREMENTAL")["status"]
    assert 3200 == len(export(world, interactions, "BULK", "both"))
    assert "ACTIVE" == world.load(interactions, interactions_csv(100), "again")["status"]
    assert 1600 == len(export(world, interactions, "BULK", "one"))


def export(world: World, dataset: str, mode: str, job: str) -> list[dict[str, str]]:
    """The rows of an export job."""
    arn = world.control.create_dataset_export_job(
        jobName=job,
        datasetArn=dataset,
        ingestionMode=mode,
        roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": f"s3://export/{job}/"}},
    )["datasetExportJobArn"]
    shown = settled(lambda: world.control.describe_dataset_export_job(datasetExportJobArn=arn)["datasetExportJob"])
    assert "ACTIVE" == shown["status"]
    rows: list[dict[str, str]] = []
    for part in sorted((world.server.s3_root / "export" / job).iterdir()):
        rows.extend(csv.DictReader(io.StringIO(part.read_text())))
    return rows


def test_exports_give_back_what_was_put(world: World) -> None:
    """Mode PUT has each put event once, anonymous ones under their session; BULK the import; ALL both."""
    world.seeded()
    interactions, items = (world.arn(f"dataset/pets/{kind}") for kind in ("INTERACTIONS", "ITEMS"))
    world.send("u1", "cat1", 'cat, "two"', session="s1")
    world.send(None, "dog1", session="s2")
    again = {"eventType": "AIF", "itemId": "dog9", "sentAt": START + 0.75, "eventId": "once"}
    for _ in range(2):
        world.events.put_events(trackingId=world.tracking_id, sessionId="s1", userId="u1", eventList=[again])
    put = export(world, interactions, "PUT", "put")
    assert [("u1", "cat1"), ("u1", 'cat, "two"'), ("s2", "dog1"), ("u1", "dog9")] == [
        (row["USER_ID"], row["ITEM_ID"]) for row in put
    ]
    assert {"USER_ID": "u1", "ITEM_ID": "dog9", "TIMESTAMP": str(START), "EVENT_TYPE": "AIF"} == put[-1]
    imported = Counter(tuple(row.values()) for row in csv.DictReader(io.StringIO(interactions_csv())))
    assert set(imported) == {tuple(row.values()) for row in export(world, interactions, "BULK", "bulk")}
    assert len(imported) + 4 == len(export(world, interactions, "ALL", "all"))
    world.events.put_items(
        datasetArn=items,
        items=[{"itemId": "new", "properties": '{"animalType": "1", "creationTimestamp": 5, "itemValue": 2}'}],
    )
    new = {"ITEM_ID": "new", "ANIMAL_TYPE": "1", "ITEM_VALUE": "2.0", "CREATION_TIMESTAMP": "5"}
    assert [new] == export(world, items, "PUT", "put-items")
    assert 61 == len(export(world, items, "ALL", "all-items"))
