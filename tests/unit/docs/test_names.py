"""docs/operate/names.md says what infra/naming.py makes."""

import re
from pathlib import Path

from infra.naming import DATASETS, ROLES, STACKS, Bucket, Function, Names

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "operate" / "names.md").read_text(encoding="utf-8")
NAMES = Names(environment="ENV", account="ACCOUNT", region="REGION", ssm_prefix="PREFIX")
FUNCTIONS: tuple[Function, ...] = ("forward_events", "recommend", "rerank", "evaluate_version")
BUCKETS: tuple[Bucket, ...] = ("archive", "seed", "quarantine", "access-logs")
PARAMETERS_OF_STACKS = (
    "kinesis-stream/name",
    "s3/name",
    "s3-seed-bucket/name",
    "solution/arn",
    *(f"personalize/{role}/{path}" for role in ROLES for path in ("function-name", "campaign/id")),
)


def quoted() -> set[str]:
    """Every name on the page that stands in backticks, as written."""
    return set(re.findall(r"`([^`\n]+)`", PAGE))


def names_of_resources() -> set[str]:
    """Everything that has a fixed name, generation 1."""
    simple = {
        NAMES.stream, NAMES.delivery_stream, NAMES.key_alias, NAMES.glue_database, NAMES.quarantine_queue, NAMES.topic,
        NAMES.state_machine, NAMES.schedule, NAMES.dashboard, NAMES.budget, NAMES.lock_table, NAMES.delivery_log_group,
        NAMES.topic_key_alias, NAMES.athena_workgroup, NAMES.schedule_group,
        NAMES.sleep_machine, NAMES.sleep_schedule("sleep"), NAMES.sleep_schedule("wake"),
    }  # fmt: skip
    personalize = {NAMES.dataset_group(1), NAMES.baseline_solution(1), NAMES.event_tracker(1)}
    personalize |= {name for kind in DATASETS for name in (NAMES.dataset(kind, 1), NAMES.schema(kind, 1))}
    personalize |= {name for role in ROLES for name in (NAMES.solution(role, 1), NAMES.campaign(role, 1))}
    return (
        simple
        | personalize
        | {NAMES.stack(stack) for stack in STACKS}
        | {NAMES.bucket(bucket) for bucket in BUCKETS}
        | {NAMES.function(function) for function in FUNCTIONS}
    )


def parameters() -> set[str]:
    """Every SSM parameter, generation 1."""
    own = {
        NAMES.asleep,
        NAMES.old_lock,
        NAMES.old_takeover,
        NAMES.key_parameter,
        NAMES.event_ids_parameter,
        NAMES.mapping_id_parameter,
        NAMES.tracking_id_parameter(1),
    }
    of_roles = {name(role, 1) for role in ROLES for name in (NAMES.ledger, NAMES.judged)}
    return own | of_roles | {NAMES.parameter(path) for path in PARAMETERS_OF_STACKS}


def test_every_resource_is_on_the_page() -> None:
    """A name that the code makes is documented, letter by letter."""
    assert set() == names_of_resources() - quoted()


def test_d59_every_parameter_is_on_the_page() -> None:
    """All of them begin with the prefix of the environment."""
    assert set() == parameters() - quoted()


def test_nothing_else_is_on_the_page() -> None:
    """A documented name that the code does not make would send somebody looking for it."""
    examples = {"ENV-recommender-solution-g2-pss", "PREFIX/personalize/event-tracker/id/g2"}
    assert NAMES.solution("recommendation", 2) in examples
    assert NAMES.tracking_id_parameter(2) in examples
    named = {name for name in quoted() if re.match(r"(ENV[-_]|PREFIX/)", name) and "..." not in name}
    assert set() == named - names_of_resources() - parameters() - examples


def test_the_keys_with_a_meaning_are_on_the_page() -> None:
    """What lies where in the seed bucket."""
    keys = {NAMES.seed_key(kind, "DIGEST", 1) for kind in DATASETS}
    keys |= {NAMES.popular_key(1), Names.RUNS_PREFIX, Names.EXPORT_PREFIX}
    assert set() == keys - quoted()
