"""An objective beside relevance, from the solution to the answer."""

import pytest

from tests.personalize_world import ANIMALS, INTERACTIONS, START, World, interactions_csv, schema

PRICED = schema(
    "Items",
    {"name": "ITEM_ID", "type": "string"},
    {"name": "PRICE", "type": "float"},
    {"name": "DISCOUNT", "type": ["null", "float"]},
    {"name": "CREATION_TIMESTAMP", "type": "long"},
)


def _prices() -> str:
    """The higher an animal's number, the dearer it is."""
    lines = ["ITEM_ID,PRICE,DISCOUNT,CREATION_TIMESTAMP"]
    lines += [f"{kind}{number},{number},,{START - 1000}" for kind in ("cat", "dog") for number in range(ANIMALS)]
    return "\n".join(lines) + "\n"


def test_an_objective_is_measured_and_served(world: World) -> None:
    """Dear animals come first with a high sensitivity; the metric is there; other recipes and columns are refused."""
    group = world.group()
    world.load(world.dataset(group, "Interactions", INTERACTIONS), interactions_csv(), "interactions")
    world.load(world.dataset(group, "Items", PRICED), _prices(), "items")

    def objective(column: str, sensitivity: str) -> dict[str, dict[str, str]]:
        return {"optimizationObjective": {"itemAttribute": column, "objectiveSensitivity": sensitivity}}

    refused = world.control.exceptions.InvalidInputException
    with pytest.raises(refused, match="must not be null"):
        world.solution(group, "aws-user-personalization", solutionConfig=objective("DISCOUNT", "HIGH"))
    with pytest.raises(refused, match="no optimizationObjective"):
        world.solution(group, "aws-user-personalization-v2", solutionConfig=objective("PRICE", "HIGH"))
    solution = world.solution(group, "aws-user-personalization", solutionConfig=objective("PRICE", "HIGH"))
    version = world.train(solution)["solutionVersionArn"]
    metrics = world.control.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert 0.0 < metrics["average_rewards_at_k"] <= 1.0
    # Visitors look at all animals of their kind alike, so without an objective the mean would be the middle.
    listed = world.recommended(world.campaign(version), "u1", 15)
    assert sum(int(name[3:]) for name in listed) / len(listed) > (ANIMALS - 1) / 2 + 3
