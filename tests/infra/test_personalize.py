"""The personalize stack: the stated order among its resources, names that follow content, variants."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.synthesis import DIGESTS, Synthesis, synthesize

GROUP = "AWS::Personalize::DatasetGroup"
DATASET = "AWS::Personalize::Dataset"
SCHEMA = "AWS::Personalize::Schema"
TRACKER = "AWS::Personalize::EventTracker"
FILTER = "AWS::Personalize::Filter"
SOLUTION = "AWS::Personalize::Solution"


def _references(value: Any) -> Iterator[str]:
    """Logical ids that a value refers to by Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0]
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _needs(template: Any) -> dict[str, set[str]]:
    """For each logical id all that CloudFormation makes before it, directly or not."""
    resources = template["Resources"]
    direct = {
        id_: ({*_references(resource.get("Properties", {})), *resource.get("DependsOn", [])} & set(resources))
        for id_, resource in resources.items()
    }

    def all_of(id_: str) -> set[str]:
        return direct[id_].union(*(all_of(each) for each in direct[id_]))

    return {id_: all_of(id_) for id_ in resources}


def _ids(synthesis: Synthesis, type_: str) -> set[str]:
    return set(synthesis.resources("personalize", type_))


@pytest.mark.parametrize("type_", [TRACKER, FILTER, SOLUTION])
def test_tracker_filters_and_solutions_come_after_both_datasets(dev: Synthesis, type_: str) -> None:
    """Personalize refuses a tracker without an interactions dataset; filters and solutions need the imported data."""
    needs = _needs(dev.templates["personalize"])
    ids = _ids(dev, type_)
    assert ids
    for id_ in ids:
        assert _ids(dev, DATASET) | _ids(dev, GROUP) <= needs[id_], id_


def test_datasets_come_after_group_and_schema(dev: Synthesis) -> None:
    """Each dataset after the group and after a schema of its own."""
    needs = _needs(dev.templates["personalize"])
    schemas = [needs[id_] & _ids(dev, SCHEMA) for id_ in _ids(dev, DATASET)]
    assert [1, 1] == [len(each) for each in schemas]
    assert _ids(dev, SCHEMA) == set.union(*schemas)
    assert all(_ids(dev, GROUP) <= needs[id_] for id_ in _ids(dev, DATASET))


def test_filters_are_made_one_after_the_other(dev: Synthesis) -> None:
    """A quota allows five resources of a kind in creation: for every two filters, one waits for the other."""
    needs = _needs(dev.templates["personalize"])
    filters = sorted(_ids(dev, FILTER))
    assert 3 == len(filters)
    for one in filters:
        for other in filters:
            assert one == other or one in needs[other] or other in needs[one]


def test_arns_are_attributes_and_never_refs(dev: Synthesis) -> None:
    """Guide and registry differ in what Ref returns for these types; only the key's parameter is a Ref."""
    for id_, resource in dev.templates["personalize"]["Resources"].items():
        for key, value in resource["Properties"].items():
            if key.endswith("Arn") and key not in ("KmsKeyArn", "RoleArn", "RecipeArn"):
                assert ["Fn::GetAtt"] == list(value), f"{id_}.{key}"


def test_the_group_is_encrypted_with_the_key_through_the_role(dev: Synthesis) -> None:
    """Key and role come together: Personalize refuses one without the other."""
    group = dev.resource("personalize", GROUP)
    assert "dev-recommender-datasetgroup-pdg" == group["Name"]
    assert "arn:aws:iam::123456789012:role/dev-recommender-personalize-role-rol" == group["RoleArn"]
    parameter = dev.templates["personalize"]["Parameters"][group["KmsKeyArn"]["Ref"]]
    assert ("AWS::SSM::Parameter::Value<String>", "/animal-recommender/dev/kms-key/arn") == (
        parameter["Type"],
        parameter["Default"],
    )


def test_import_jobs_are_named_after_their_data(dev: Synthesis) -> None:
    """Name and location carry the digest: other data is another job, the same data is no update at all."""
    jobs = {each["DatasetType"]: each["DatasetImportJob"] for each in dev.resources("personalize", DATASET).values()}
    for type_, digest in zip(("Interactions", "Items"), DIGESTS.values(), strict=True):
        assert digest in jobs[type_]["JobName"]
        location = f"s3://dev-recommender-seed-123456789012-us-east-1/{type_.lower()}/g1-{digest}/"
        assert {"DataLocation": location} == jobs[type_]["DataSource"]
        assert "arn:aws:iam::123456789012:role/dev-recommender-personalize-role-rol" == jobs[type_]["RoleArn"]


def test_d34_interactions_have_an_event_type(dev: Synthesis) -> None:
    """Without it an enquiry would weigh as much as a view, and filters on events would be impossible."""
    schemas = [json.loads(each["Schema"]) for each in dev.resources("personalize", SCHEMA).values()]
    fields = {schema["name"]: [field["name"] for field in schema["fields"]] for schema in schemas}
    assert ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"] == fields["Interactions"]


def test_a_filters_name_carries_a_digest_of_its_expression(dev: Synthesis) -> None:
    """A filter cannot be changed and its name is unique: another expression is another name and another resource."""
    filters = dev.resources("personalize", FILTER)
    for each in filters.values():
        assert hashlib.sha256(each["FilterExpression"].encode()).hexdigest()[:8] in each["Name"]
    changed = synthesize(filters={"cats": 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1", "3")'})
    (id_,) = changed.resources("personalize", FILTER)
    assert id_ not in filters


def test_the_tracking_id_goes_to_its_parameter(dev: Synthesis) -> None:
    """The tracker's own attribute, under the reference's path."""
    (tracker,) = _ids(dev, TRACKER)
    parameter = dev.resource("personalize", "AWS::SSM::Parameter")
    assert "/animal-recommender/dev/personalize/event-tracker/id" == parameter["Name"]
    assert {"Fn::GetAtt": [tracker, "TrackingId"]} == parameter["Value"]


def test_solutions_have_the_configs_recipes(dev: Synthesis) -> None:
    """Names as in the reference, the v2 recipes by default."""
    assert {
        "dev-recommender-solution-pss": "arn:aws:personalize:::recipe/aws-user-personalization-v2",
        "dev-reranking-solution-pss": "arn:aws:personalize:::recipe/aws-personalized-ranking-v2",
    } == _recipes(dev)


def test_without_reranking_nothing_of_it_is_built(without_reranking: Synthesis) -> None:
    """No solution, campaign, function, parameter or alarm of it in any stack."""
    assert ["dev-recommender-solution-pss"] == list(_recipes(without_reranking))
    leftovers = [
        f"{stack}/{id_}"
        for stack, id_, resource in without_reranking.everything()
        if stack not in ("personalize", "training") and "rerank" in json.dumps(resource).lower()
    ]
    assert [] == leftovers


def test_first_recipes_and_baseline(with_first_recipes: Synthesis) -> None:
    """The older recipes and the popularity model that the gate compares with."""
    assert {
        "dev-recommender-solution-pss": "arn:aws:personalize:::recipe/aws-user-personalization",
        "dev-reranking-solution-pss": "arn:aws:personalize:::recipe/aws-personalized-ranking",
        "dev-popularity-solution-pss": "arn:aws:personalize:::recipe/aws-popularity-count",
    } == _recipes(with_first_recipes)


def _recipes(synthesis: Synthesis) -> dict[str, str]:
    return {each["Name"]: each["RecipeArn"] for each in synthesis.resources("personalize", SOLUTION).values()}


def test_names_fit_the_services_limit(tmp_path: Path) -> None:
    """63 characters, with the longest environment, generation and filter names that the config allows."""
    synthesis = synthesize(
        folder=tmp_path, environment="dev", generation=999, filters={"a" * 20: "INCLUDE ItemID WHERE Items.X IN (1)"}
    )
    room = 10 - len("dev")
    names = [each.get("Properties", {}).get("Name", "") for _, _, each in synthesis.everything()]
    jobs = [each["DatasetImportJob"]["JobName"] for each in synthesis.resources("personalize", DATASET).values()]
    personalize = [name for name in [*names, *jobs] if name.startswith("dev-")]
    assert len(personalize) > 8
    assert [] == [name for name in personalize if len(name) + room > 63]
