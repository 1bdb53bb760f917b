"""The life of a recommender, from the first schema to the last deletion, for any client that can call an operation.

`javascript/scenario.mjs` takes the same steps.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from tests.personalize_world import INTERACTIONS, ITEMS, ROLE, interactions_csv, items_csv, until

RECIPE = "arn:aws:personalize:::recipe/"


class RefusedError(Exception):
    """The server answered with an error; `code` is its name."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Client(Protocol):
    """A way to call the server."""

    def call(self, api: str, operation: str, request: Mapping[str, Any]) -> Any:
        """The answer to an operation (in CamelCase) of one of the three APIs; RefusedError when it is an error."""
        ...


def seed(s3_root: Path) -> None:
    """The files that the scenario imports."""
    (s3_root / "seed").mkdir(parents=True)
    (s3_root / "seed" / "interactions.csv").write_text(interactions_csv())
    (s3_root / "seed" / "items.csv").write_text(items_csv())


class Scenario:
    """The steps, in order."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def control(self, operation: str, **request: Any) -> Any:
        return self._client.call("personalize", operation, request)

    def run(self) -> None:
        """Everything; AssertionError says where the server differs."""
        made = self.build()
        self.use(made)
        self.delete(made)

    def active(self, kind: str, arn: str) -> Any:
        """What Describe shows once the resource is ACTIVE."""
        member = kind[0].lower() + kind[1:]

        def describe() -> Any:
            return self.control(f"Describe{kind}", **{f"{member}Arn": arn})[member]

        shown = until(describe, lambda one: one["status"] == "ACTIVE" or "FAILED" in one["status"])
        assert shown["status"] == "ACTIVE", shown
        return shown

    def gone(self, kind: str, arn: str) -> None:
        """Returns once Describe knows nothing of the resource."""
        member = f"{kind[0].lower()}{kind[1:]}Arn"
        until(
            lambda: self.refusal(f"Describe{kind}", **{member: arn}), lambda code: code == "ResourceNotFoundException"
        )

    def refusal(self, operation: str, **request: Any) -> str | None:
        """The error's name; None when the call succeeded."""
        try:
            self.control(operation, **request)
        except RefusedError as refused:
            return refused.code
        return None

    def build(self) -> dict[str, Any]:
        """Schemas, datasets, imports, tracker, filter, solution, version, campaigns."""
        group = self.control("CreateDatasetGroup", name="pets", tags=[{"tagKey": "team", "tagValue": "pets"}])
        group_arn = group["datasetGroupArn"]
        self.active("DatasetGroup", group_arn)
        tags = self.control("ListTagsForResource", resourceArn=group_arn)["tags"]
        assert tags == [{"tagKey": "team", "tagValue": "pets"}]
        schemas, datasets = {}, {}
        for kind, text in (("Interactions", INTERACTIONS), ("Items", ITEMS)):
            schemas[kind] = self.control("CreateSchema", name=kind, schema=text)["schemaArn"]
            datasets[kind] = self.control(
                "CreateDataset", name=kind, schemaArn=schemas[kind], datasetGroupArn=group_arn, datasetType=kind
            )["datasetArn"]
            self.active("Dataset", datasets[kind])
            location = {"dataLocation": f"s3://seed/{kind.lower()}.csv"}
            job = self.control(
                "CreateDatasetImportJob", jobName=kind, datasetArn=datasets[kind], dataSource=location, roleArn=ROLE
            )["datasetImportJobArn"]
            self.active("DatasetImportJob", job)
        assert self.refusal("CreateSchema", name="Items", schema=ITEMS) == "ResourceAlreadyExistsException"
        tracker = self.control("CreateEventTracker", name="tracker", datasetGroupArn=group_arn)
        self.active("EventTracker", tracker["eventTrackerArn"])
        chosen = self.control(
            "CreateFilter",
            name="kind",
            datasetGroupArn=group_arn,
            filterExpression="INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ($KIND)",
        )["filterArn"]
        self.active("Filter", chosen)
        solutions, campaigns = [], {}
        for name in ("aws-user-personalization-v2", "aws-personalized-ranking-v2"):
            solution = self.control(
                "CreateSolution",
                name=name,
                datasetGroupArn=group_arn,
                recipeArn=RECIPE + name,
                performAutoTraining=False,
            )["solutionArn"]
            self.active("Solution", solution)
            version = self.control("CreateSolutionVersion", solutionArn=solution)["solutionVersionArn"]
            self.active("SolutionVersion", version)
            metrics = self.control("GetSolutionMetrics", solutionVersionArn=version)["metrics"]
            assert 0 < metrics["normalized_discounted_cumulative_gain_at_10"] <= 1
            campaign = self.control("CreateCampaign", name=name, solutionVersionArn=version)["campaignArn"]
            self.active("Campaign", campaign)
            solutions.append(solution)
            campaigns[name] = campaign
        assert len(self.control("ListSolutions", datasetGroupArn=group_arn)["solutions"]) == 2
        return {
            "group": group_arn,
            "schemas": schemas,
            "datasets": datasets,
            "tracker": tracker,
            "filter": chosen,
            "solutions": solutions,
            "recommend": campaigns["aws-user-personalization-v2"],
            "rank": campaigns["aws-personalized-ranking-v2"],
        }

    def use(self, made: Mapping[str, Any]) -> None:
        """Recommendations, a filter, a ranking, events that change them at once, an item."""

        def kinds(user: str, **more: Any) -> set[str]:
            request = {"campaignArn": made["recommend"], "userId": user, "numResults": 10, **more}
            answer = self._client.call("personalize-runtime", "GetRecommendations", request)
            assert answer["recommendationId"]
            assert all(0 <= item["score"] <= 1 for item in answer["itemList"])
            return {item["itemId"][:3] for item in answer["itemList"]}

        assert kinds("u1") == {"cat"}
        assert kinds("u2") == {"dog"}
        assert kinds("u2", filterArn=made["filter"], filterValues={"KIND": '"1"'}) == {"cat"}
        ranking = {"campaignArn": made["rank"], "userId": "u1", "inputList": ["dog1", "cat1", "absent"]}
        answer = self._client.call("personalize-runtime", "GetPersonalizedRanking", ranking)
        assert [item["itemId"] for item in answer["personalizedRanking"]] == ["cat1", "dog1", "absent"]
        events = [
            {
                "eventId": f"click-{number}",
                "eventType": "DetailView",
                "itemId": f"cat{number}",
                "sentAt": int(time.time()),
                "properties": json.dumps({}),
            }
            for number in range(5)
        ]
        put = {"trackingId": made["tracker"]["trackingId"], "userId": "new", "sessionId": "s", "eventList": events}
        self._client.call("personalize-events", "PutEvents", put)
        assert "cat" in kinds("new", numResults=3)
        properties = json.dumps({"animalType": "1", "creationTimestamp": 1_700_000_000})
        items = {"datasetArn": made["datasets"]["Items"], "items": [{"itemId": "cat99", "properties": properties}]}
        self._client.call("personalize-events", "PutItems", items)

    def delete(self, made: Mapping[str, Any]) -> None:
        """Everything in the documented order; what is used is refused first."""
        assert self.refusal("DeleteSolution", solutionArn=made["solutions"][0]) == "ResourceInUseException"
        assert self.refusal("DeleteDatasetGroup", datasetGroupArn=made["group"]) == "ResourceInUseException"
        for campaign in (made["recommend"], made["rank"]):
            self.control("DeleteCampaign", campaignArn=campaign)
            self.gone("Campaign", campaign)
        for solution in made["solutions"]:
            self.control("DeleteSolution", solutionArn=solution)
            self.gone("Solution", solution)
        self.control("DeleteFilter", filterArn=made["filter"])
        self.gone("Filter", made["filter"])
        self.control("DeleteEventTracker", eventTrackerArn=made["tracker"]["eventTrackerArn"])
        self.gone("EventTracker", made["tracker"]["eventTrackerArn"])
        for dataset in made["datasets"].values():
            self.control("DeleteDataset", datasetArn=dataset)
            self.gone("Dataset", dataset)
        for schema in made["schemas"].values():
            self.control("DeleteSchema", schemaArn=schema)
        self.control("DeleteDatasetGroup", datasetGroupArn=made["group"])
        self.gone("DatasetGroup", made["group"])
        assert self.control("ListDatasetGroups")["datasetGroups"] == []
        assert self.control("ListSchemas")["schemas"] == []
