"""Names: the reference's for the first generation, one of its own for each later one."""

import pytest

from infra.naming import ROLES, STACKS, Names

NAMES = Names(environment="dev", account="123456789012", region="eu-west-1", ssm_prefix="/animal-recommender/dev")


def test_names_are_the_references() -> None:
    """Its clients find what they know."""
    assert {
        "dev-recommender-stream-kss",
        "dev-recommender-topic-sns",
        "dev-recommender-state-machine-stm",
        "dev-recommender-put-events-lambda-lbd",
        "dev-recommender-datasetgroup-pdg",
        "dev-recommender-interaction-dataset-pds",
        "dev-recommender-items-dataset-pds",
        "dev-reranking-solution-pss",
        "dev-recommender-personalize-campaign-cpn",
        "dev-recommender-personalize-event-tracker-tkr",
        "alias/dev-recommender-key-key",
    } == {
        NAMES.stream,
        NAMES.topic,
        NAMES.state_machine,
        NAMES.function("forward_events"),
        NAMES.dataset_group(1),
        NAMES.dataset("interactions", 1),
        NAMES.dataset("items", 1),
        NAMES.solution("reranking", 1),
        NAMES.campaign("recommendation", 1),
        NAMES.event_tracker(1),
        NAMES.key_alias,
    }


def test_later_generations_have_names_of_their_own() -> None:
    """Names are unique in an account."""
    for role in ROLES:
        names = [NAMES.solution(role, generation) for generation in (1, 2, 3)]
        assert 3 == len(set(names))
        assert 3 == len({NAMES.ledger(role, generation) for generation in (1, 2, 3)})
    assert "dev-recommender-solution-g2-pss" == NAMES.solution("recommendation", 2)


def test_the_references_parameters_are_there_with_its_bare_prefix() -> None:
    """Clients of the reference work unchanged when the config says so."""
    bare = Names(environment="dev", account="123456789012", region="eu-west-1", ssm_prefix="/animal-recommender")
    assert "/animal-recommender/personalize/event-tracker/id" == bare.tracking_id_parameter(1)
    assert "/animal-recommender/personalize/reranking/solution/version/arn" == bare.ledger("reranking", 1)
    assert "/animal-recommender/kinesis-stream/name" == bare.parameter("kinesis-stream/name")


def test_a_datasets_arn_holds_the_groups_name() -> None:
    """Not the dataset's own: so the service builds it."""
    assert (
        "arn:aws:personalize:eu-west-1:123456789012:dataset/dev-recommender-datasetgroup-pdg/INTERACTIONS"
        == NAMES.dataset_arn("interactions", 1)
    )


def test_d54_every_environment_has_stacks_of_its_own() -> None:
    """No environment has an empty prefix."""
    assert [f"dev-pets-{stack}" for stack in STACKS] == [NAMES.stack(stack) for stack in STACKS]
    with pytest.raises(ValueError, match="no stack called 'database'; there are data, personalize"):
        NAMES.stack("database")


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (NAMES.stream_arn, "arn:aws:kinesis:eu-west-1:123456789012:stream/dev-recommender-stream-kss"),
        (NAMES.topic_arn, "arn:aws:sns:eu-west-1:123456789012:dev-recommender-topic-sns"),
        (NAMES.quarantine_queue_arn, "arn:aws:sqs:eu-west-1:123456789012:dev-recommender-quarantine-sqs"),
        (
            NAMES.state_machine_arn,
            "arn:aws:states:eu-west-1:123456789012:stateMachine:dev-recommender-state-machine-stm",
        ),
        (NAMES.role_arn("personalize"), "arn:aws:iam::123456789012:role/dev-recommender-personalize-role-rol"),
        (NAMES.parameter_arn("/a/b"), "arn:aws:ssm:eu-west-1:123456789012:parameter/a/b"),
        (NAMES.recipe_arn("aws-sims"), "arn:aws:personalize:::recipe/aws-sims"),
    ],
)
def test_arns_are_built_as_the_services_do(arn: str, expected: str) -> None:
    """Each service's own form."""
    assert expected == arn
