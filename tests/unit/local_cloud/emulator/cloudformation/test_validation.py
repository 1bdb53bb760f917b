"""Properties of AWS::Personalize::* held against the registry's schemas, with CloudFormation's own texts."""

from typing import Any

import pytest

from local_cloud.emulator.cloudformation.resources import RESOURCE_TYPES
from local_cloud.emulator.cloudformation.services import SERVICE_TYPES
from local_cloud.emulator.cloudformation.validation import TYPES_FILE, PropertiesError, check, schemas
from tests import emulator_registry as registry
from tests.refusal import refusal

GROUP = "arn:aws:personalize:us-east-1:000000000000:dataset-group/pets"
VERSION = "arn:aws:personalize:us-east-1:000000000000:solution/s/v1"
ROLE = "arn:aws:iam::000000000000:role/personalize"

GOOD: dict[str, dict[str, Any]] = {
    "Schema": {"Name": "s", "Schema": "{}", "Domain": "ECOMMERCE", "Tags": [{"Key": "a", "Value": "b"}]},
    "DatasetGroup": {"Name": "pets", "RoleArn": ROLE, "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"},
    "Dataset": {
        "Name": "d",
        "DatasetType": "Interactions",
        "DatasetGroupArn": GROUP,
        "SchemaArn": GROUP,
        "DatasetImportJob": {"JobName": "j", "DataSource": {"DataLocation": "s3://b/k"}, "RoleArn": ROLE},
    },
    "Solution": {
        "Name": "s",
        "DatasetGroupArn": GROUP,
        "RecipeArn": "arn:aws:personalize:::recipe/aws-sims",
        "PerformHPO": "false",
        "SolutionConfig": {
            "AlgorithmHyperParameters": {"bptt": "29", "depth": 3},
            "HpoConfig": {
                "HpoObjective": {"Type": "Maximize"},
                "AlgorithmHyperParameterRanges": {
                    "IntegerHyperParameterRanges": [{"Name": "bptt", "MinValue": 2, "MaxValue": "32"}]
                },
            },
        },
    },
    "EventTracker": {"Name": "t", "DatasetGroupArn": GROUP, "Tags": []},
    "Filter": {"Name": "f", "DatasetGroupArn": GROUP, "FilterExpression": "EXCLUDE ItemID WHERE Items.A IN ($B)"},
    "Campaign": {
        "Name": "c",
        "SolutionVersionArn": VERSION,
        "MinProvisionedTPS": "1",
        "CampaignConfig": {
            "EnableMetadataWithRecommendations": True,
            "ItemExplorationConfig": {"explorationWeight": 0.3},
            "RankingInfluence": {"POPULARITY": 0.5},
        },
    },
}


def _said(kind: str, changes: dict[str, Any], *without: str) -> list[str]:
    properties = {key: value for key, value in (GOOD[kind] | changes).items() if key not in without}
    with pytest.raises(PropertiesError) as refused:
        check(f"AWS::Personalize::{kind}", "Thing", properties)
    head, _, told = str(refused.value).partition(" with message: ")
    assert head == "Properties validation failed for resource Thing"
    return told.split("\n")


def test_the_schemas_are_the_registrys() -> None:
    """As the installed cfn-lint has them; `python -m tests.emulator_registry` writes them."""
    assert registry.text() == TYPES_FILE.read_text(encoding="utf-8")
    assert {*RESOURCE_TYPES, *SERVICE_TYPES} == schemas().keys()


@pytest.mark.parametrize("kind", GOOD)
def test_good_properties_pass(kind: str) -> None:
    """Parameters are texts: "1" is a number and "false" a boolean; the engine's own tags are nobody's mistake."""
    tags = [*GOOD[kind].get("Tags", []), {"Key": "aws:cloudformation:stack-name", "Value": "x"}]
    for properties in (GOOD[kind], GOOD[kind] | {"Tags": tags}):
        assert "" == refusal(PropertiesError, check, f"AWS::Personalize::{kind}", "Thing", properties)


@pytest.mark.parametrize("kind", GOOD)
def test_an_unknown_property_is_extraneous(kind: str) -> None:
    """Also one that differs by case alone, as the API's own spelling does."""
    assert ["#: extraneous key [Foo] is not permitted"] == _said(kind, {"Foo": 1})
    assert ["#: extraneous key [name] is not permitted"] == _said(kind, {"name": "x"})


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("Campaign", {"CampaignConfig": {"Weight": 1}}, "#/CampaignConfig: extraneous key [Weight] is not permitted"),
        ("Campaign", {"CampaignArn": VERSION}, "#: extraneous key [CampaignArn] is not permitted"),
        ("Dataset", {"DatasetImportJob": {"Job": "j"}}, "#/DatasetImportJob: extraneous key [Job] is not permitted"),
        (
            "Campaign",
            {"CampaignConfig": {"RankingInfluence": {"AGE": 1}}},
            "#/CampaignConfig/RankingInfluence: extraneous key [AGE] is not permitted",
        ),
        ("Schema", {"Tags": [{"Key": "a", "value": "b"}]}, "#/Tags/0: required key [Value] not found"),
        (
            "Campaign",
            {"MinProvisionedTPS": 0},
            "#/MinProvisionedTPS: failed validation constraint for keyword [minimum]",
        ),
        ("Campaign", {"MinProvisionedTPS": "1.5"}, "#/MinProvisionedTPS: expected type: Integer, found: String"),
        ("Campaign", {"MinProvisionedTPS": 1.5}, "#/MinProvisionedTPS: expected type: Integer, found: Double"),
        ("Campaign", {"MinProvisionedTPS": True}, "#/MinProvisionedTPS: expected type: Integer, found: Boolean"),
        ("Campaign", {"CampaignConfig": []}, "#/CampaignConfig: expected type: JSONObject, found: JSONArray"),
        ("Campaign", {"Name": {}}, "#/Name: expected type: String, found: JSONObject"),
        ("Campaign", {"Name": None}, "#/Name: expected type: String, found: Null"),
        ("Campaign", {"Tags": {"a": "b"}}, "#/Tags: expected type: JSONArray, found: JSONObject"),
        (
            "Campaign",
            {"CampaignConfig": {"EnableMetadataWithRecommendations": "yes"}},
            "#/CampaignConfig/EnableMetadataWithRecommendations: expected type: Boolean, found: String",
        ),
        (
            "Campaign",
            {"CampaignConfig": {"RankingInfluence": {"POPULARITY": 1.1}}},
            "#/CampaignConfig/RankingInfluence/POPULARITY: failed validation constraint for keyword [maximum]",
        ),
        ("Filter", {"Name": "x" * 64}, "#/Name: expected maxLength: 63, actual: 64"),
        ("Filter", {"FilterExpression": ""}, "#/FilterExpression: expected minLength: 1, actual: 0"),
        ("Filter", {"Name": "a b"}, "#/Name: failed validation constraint for keyword [pattern]"),
        (
            "Filter",
            {"DatasetGroupArn": "pets"},
            "#/DatasetGroupArn: failed validation constraint for keyword [pattern]",
        ),
        (
            "Campaign",
            {"Tags": [{"Key": "a", "Value": "b"}] * 2},
            "#/Tags: array items are not unique",
        ),
        (
            "EventTracker",
            {"Tags": [{"Key": f"k{n}", "Value": "v"} for n in range(201)]},
            "#/Tags: expected maximum item count: 200, found: 201",
        ),
        (
            "Solution",
            {"SolutionConfig": {"AlgorithmHyperParameters": {f"p{n}": "1" for n in range(101)}}},
            "#/SolutionConfig/AlgorithmHyperParameters: maximum size: [100], found: [101]",
        ),
    ],
)
def test_each_rule_is_told_in_cloudformations_words(kind: str, changes: dict[str, Any], told: str) -> None:
    """Where, and which rule; the value itself is not repeated, except for its size or type."""
    assert told in _said(kind, changes)


def test_a_value_outside_its_list() -> None:
    """CloudFormation tells of an enumeration twice."""
    assert [
        "#/DatasetType: #: only 1 subschema matches out of 2",
        "#/DatasetType: failed validation constraint for keyword [enum]",
    ] == _said("Dataset", {"DatasetType": "INTERACTIONS"})


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_required_is_named_and_all_is_told_at_once(kind: str) -> None:
    """Every missing property, beside what is extraneous."""
    required = schemas()[f"AWS::Personalize::{kind}"]["required"]
    expected = [f"#: required key [{name}] not found" for name in required]
    assert [*expected, "#: extraneous key [Foo] is not permitted"] == _said(kind, {"Foo": 1}, *required)
