"""Every name that the project gives, in one place: resources, SSM parameters and Amazon Personalize ARNs.

Pattern of resource names: `{environment}-{name}-{suffix}`, as in the published reference, so that its clients find
what they know. Personalize names carry the generation from the second on (`dev-recommender-solution-g2-pss`): most of
their properties cannot be changed, so a new recipe or schema is a new generation of resources beside the old one.

Names need neither credentials nor a deployed stack: stacks, tools and tests all compute the same strings.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

Role = Literal["recommendation", "reranking"]
ROLES: tuple[Role, ...] = ("recommendation", "reranking")
DatasetKind = Literal["interactions", "items"]
DATASETS: tuple[DatasetKind, ...] = ("interactions", "items")
Bucket = Literal["archive", "seed", "quarantine", "access-logs"]
Function = Literal["forward_events", "recommend", "rerank", "evaluate_version"]

STACKS = ("data", "personalize", "ingestion", "training", "campaigns", "serving", "monitoring")

ALIAS = "live"
"""The Lambda alias that callers use; published function names in SSM are `name:live`."""

METRIC_NAMESPACE = "AnimalRecommender"
"""CloudWatch namespace of every metric that the project publishes."""

ARCHIVE_PREFIX = "events/"
"""Where the archive bucket holds the events, by day and hour of arrival."""

EMPTY_LEDGER = "none"
"""What a ledger holds before the first promotion."""

ASLEEP, AWAKE = "true", "false"
"""What the parameter that says whether an environment sleeps can hold."""

SLEEP_PARAMETER = "Asleep"
"""The stack parameter by which a stack reads it."""

SLEEPING_STACKS = ("campaigns", "training", "monitoring")
"""The stacks that are others while an environment sleeps."""

LOCK_ID = "campaigns"
"""The key of the item that is the lock."""

_SOLUTION_PREFIX = {"recommendation": "recommender", "reranking": "reranking"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of one environment in one account and region."""

    environment: str
    account: str
    region: str
    ssm_prefix: str
    partition: str = "aws"

    # --- CloudFormation stacks

    def stack(self, stack: str) -> str:
        """The stack's name, e.g. `dev-pets-data`."""
        if stack not in STACKS:
            raise ValueError(f"no stack called {stack!r}; there are {', '.join(STACKS)}")
        return f"{self.environment}-pets-{stack}"

    # --- names of resources outside Personalize

    def _name(self, name: str, suffix: str) -> str:
        return f"{self.environment}-{name}-{suffix}"

    @property
    def stream(self) -> str:
        return self._name("recommender-stream", "kss")

    @property
    def delivery_stream(self) -> str:
        return self._name("recommender-archive", "kdf")

    @property
    def key_alias(self) -> str:
        return f"alias/{self._name('recommender-key', 'key')}"

    @property
    def key_description(self) -> str:
        """What tells the environment's keys from others, also one that outlived its stack and has no alias."""
        return f"All data of the {self.environment} animal recommender"

    @property
    def topic(self) -> str:
        return self._name("recommender-topic", "sns")

    @property
    def quarantine_queue(self) -> str:
        return self._name("recommender-quarantine", "sqs")

    @property
    def state_machine(self) -> str:
        return self._name("recommender-state-machine", "stm")

    @property
    def lock_table(self) -> str:
        """The DynamoDB table that holds the lock on the campaigns, in one item (`LOCK_ID`)."""
        return self._name("recommender-lock", "ddb")

    @property
    def schedule(self) -> str:
        return self._name("recommender-statemachine-trigger", "sch")

    @property
    def schedule_group(self) -> str:
        """The environment's own: EventBridge Scheduler measures groups, and no other's failures are to count here."""
        return self._name("recommender-schedules", "scg")

    @property
    def topic_key_alias(self) -> str:
        return f"alias/{self._name('recommender-topic-key', 'key')}"

    @property
    def sleep_machine(self) -> str:
        """The state machine that sleeps and wakes by schedule, where the config has one."""
        return self._name("recommender-sleep", "stm")

    def sleep_schedule(self, what: str) -> str:
        """The schedule for `sleep` or `wake`."""
        return self._name(f"recommender-{what}-trigger", "sch")

    @property
    def dashboard(self) -> str:
        return self._name("recommender", "dash")

    @property
    def athena_workgroup(self) -> str:
        return self._name("recommender", "awg")

    @property
    def glue_database(self) -> str:
        return f"{self.environment}_recommender".replace("-", "_")

    def bucket(self, purpose: Bucket) -> str:
        """Bucket names are global to AWS: they carry account and region."""
        return f"{self.environment}-recommender-{purpose}-{self.account}-{self.region}"

    def function(self, function: Function) -> str:
        """The Lambda function's name, as in the reference."""
        return self._name(
            {
                "forward_events": "recommender-put-events-lambda",
                "recommend": "recommender-get-recommendation-lambda",
                "rerank": "recommender-get-reranking-lambda",
                "evaluate_version": "recommender-sm-evaluate-solution",
            }[function],
            "lbd",
        )

    def role(self, purpose: str) -> str:
        """The IAM role's name, e.g. `dev-recommender-personalize-role-rol`."""
        return self._name(f"recommender-{purpose}-role", "rol")

    def alarm(self, name: str) -> str:
        return self._name(f"recommender-{name}", "alm")

    def alarm_arn(self, name: str) -> str:
        """The ARN of an alarm; `*` stands for all of the environment's."""
        return self._arn("cloudwatch", f"alarm:{self.alarm(name)}")

    @property
    def budget(self) -> str:
        return self._name("recommender-monthly", "bgt")

    def function_log_group(self, function: Function) -> str:
        return f"/aws/lambda/{self.function(function)}"

    @property
    def delivery_log_group(self) -> str:
        return f"/aws/kinesisfirehose/{self.delivery_stream}"

    # --- ARNs that need no deployed stack

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def stream_arn(self) -> str:
        return self._arn("kinesis", f"stream/{self.stream}")

    @property
    def topic_arn(self) -> str:
        return self._arn("sns", self.topic)

    @property
    def quarantine_queue_arn(self) -> str:
        return self._arn("sqs", self.quarantine_queue)

    @property
    def state_machine_arn(self) -> str:
        return self._arn("states", f"stateMachine:{self.state_machine}")

    @property
    def lock_table_arn(self) -> str:
        return self._arn("dynamodb", f"table/{self.lock_table}")

    def execution_arn(self, name: str) -> str:
        """An execution of the training state machine."""
        return self._arn("states", f"execution:{self.state_machine}:{name}")

    @property
    def sleep_machine_arn(self) -> str:
        return self._arn("states", f"stateMachine:{self.sleep_machine}")

    def sleep_execution_arn(self, name: str) -> str:
        """An execution of the state machine that sleeps and wakes."""
        return self._arn("states", f"execution:{self.sleep_machine}:{name}")

    def stack_arn(self, stack: str) -> str:
        """The stack under whatever id CloudFormation gave it."""
        return self._arn("cloudformation", f"stack/{self.stack(stack)}/*")

    def rule(self, name: str) -> str:
        """An EventBridge rule's name."""
        return self._name(f"recommender-{name}", "evt")

    def bucket_arn(self, purpose: Bucket) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket(purpose)}"

    def function_arn(self, function: Function) -> str:
        return self._arn("lambda", f"function:{self.function(function)}")

    def role_arn(self, purpose: str) -> str:
        return f"arn:{self.partition}:iam::{self.account}:role/{self.role(purpose)}"

    def log_group_arn(self, log_group: str) -> str:
        return self._arn("logs", f"log-group:{log_group}")

    def parameter_arn(self, name: str) -> str:
        """Parameter names begin with the slash that the ARN has anyway."""
        return self._arn("ssm", f"parameter{name}")

    # --- Amazon Personalize: names and ARNs of one generation

    def _generation(self, name: str, suffix: str, generation: int) -> str:
        return self._name(name if generation == 1 else f"{name}-g{generation}", suffix)

    def dataset_group(self, generation: int) -> str:
        return self._generation("recommender-datasetgroup", "pdg", generation)

    def dataset(self, kind: DatasetKind, generation: int) -> str:
        return self._generation(f"recommender-{_singular(kind)}-dataset", "pds", generation)

    def schema(self, kind: DatasetKind, generation: int) -> str:
        return self._generation(f"recommender-{_singular(kind)}-schema", "psc", generation)

    def solution(self, role: Role, generation: int) -> str:
        return self._generation(f"{_SOLUTION_PREFIX[role]}-solution", "pss", generation)

    def baseline_solution(self, generation: int) -> str:
        """The optional popularity-count solution that the gate compares with."""
        return self._generation("popularity-solution", "pss", generation)

    def campaign(self, role: Role, generation: int) -> str:
        return self._generation(f"{_SOLUTION_PREFIX[role]}-personalize-campaign", "cpn", generation)

    def event_tracker(self, generation: int) -> str:
        return self._generation("recommender-personalize-event-tracker", "tkr", generation)

    def filter(self, name: str, digest: str, generation: int) -> str:
        """A filter's name carries a digest of its expression: a changed expression is a new filter."""
        return self._generation(f"recommender-{name}-{digest}", "flt", generation)

    def import_job(self, kind: DatasetKind, digest: str, generation: int) -> str:
        """Import jobs cannot be deleted and their names are unique: the digest of the data makes a new one."""
        return self._generation(f"recommender-{_singular(kind)}-{digest}", "dij", generation)

    def personalize_arn(self, resource: str) -> str:
        """`arn:aws:personalize:REGION:ACCOUNT:RESOURCE`, e.g. for `campaign/NAME`."""
        return f"arn:{self.partition}:personalize:{self.region}:{self.account}:{resource}"

    def recipe_arn(self, recipe: str) -> str:
        return f"arn:{self.partition}:personalize:::recipe/{recipe}"

    def dataset_arn(self, kind: DatasetKind, generation: int) -> str:
        """The ARN holds the group's name and the type, not the dataset's own name."""
        return self.personalize_arn(f"dataset/{self.dataset_group(generation)}/{kind.upper()}")

    def solution_arn(self, role: Role, generation: int) -> str:
        return self.personalize_arn(f"solution/{self.solution(role, generation)}")

    def campaign_arn(self, role: Role, generation: int) -> str:
        return self.personalize_arn(f"campaign/{self.campaign(role, generation)}")

    def filter_arn(self, name: str, digest: str, generation: int) -> str:
        return self.personalize_arn(f"filter/{self.filter(name, digest, generation)}")

    # --- SSM parameters

    def parameter(self, path: str) -> str:
        return f"{self.ssm_prefix}/{path}"

    def _of_generation(self, path: str, generation: int) -> str:
        return self.parameter(path if generation == 1 else f"{path}/g{generation}")

    def ledger(self, role: Role, generation: int) -> str:
        """The parameter that says which solution version the role's campaign serves, or `none`.

        It belongs to no stack: `deploy.sh` creates it, the state machine writes it, the campaigns stack reads it.
        """
        return self._of_generation(f"personalize/{role}/solution/version/arn", generation)

    def judged(self, role: Role, generation: int) -> str:
        """The parameter with the version of the role's solution that a run rejected last, made by the run."""
        return self._of_generation(f"personalize/{role}/solution/version/judged", generation)

    def tracking_id_parameter(self, generation: int) -> str:
        return self._of_generation("personalize/event-tracker/id", generation)

    @property
    def event_ids_parameter(self) -> str:
        """From when on the ids of events are digests: `none` (always), `pending` (an upgrade goes on) or a moment.

        It belongs to no stack, as ledgers do: `deploy.sh` makes it before the forwarder and fixes it once.
        """
        return self.parameter("personalize/event-ids/digests-from")

    @property
    def asleep(self) -> str:
        """The parameter that says whether the environment sleeps, `true` or `false`.

        It belongs to no stack, as ledgers do: `deploy.sh` creates it and changes it with `--sleep` and `--wake`.
        """
        return self.parameter("asleep")

    @property
    def old_lock(self) -> str:
        """The lock of environments that were deployed before it became an item; gone after their upgrade."""
        return self.parameter("lock")

    @property
    def key_parameter(self) -> str:
        return self.parameter("kms-key/arn")

    @property
    def mapping_id_parameter(self) -> str:
        """The id of the event source mapping from the stream to `forward_events`, a dimension of its metrics."""
        return self.parameter("event-source-mapping/id")

    @property
    def old_takeover(self) -> str:
        """Made by whoever takes the old lock over from a holder that no longer runs, and gone when it has."""
        return f"{self.old_lock}-takeover"

    # --- S3 keys with a meaning

    RUNS_PREFIX: ClassVar[str] = "runs/"
    """Where the seed bucket holds the record of every training run, by day."""

    EXPORT_PREFIX: ClassVar[str] = "exports/"
    """The only prefix of the seed bucket that Personalize may write to (dataset export jobs)."""

    INTERACTIONS_PREFIX: ClassVar[str] = "interactions/"
    """Where the seed bucket holds the interactions that import jobs read: the seed, and histories of generations."""

    ATHENA_PREFIX: ClassVar[str] = "athena/"
    """Where the archive bucket holds the results of queries, for a few days."""

    @staticmethod
    def seed_key(kind: DatasetKind, digest: str, generation: int) -> str:
        """Where a dataset's CSV lies in the seed bucket; import jobs are named after the digest of the data."""
        return f"{kind}/g{generation}-{digest}/"

    @staticmethod
    def popular_key(generation: int) -> str:
        """The list that an unknown visitor got from the last promotion, in the seed bucket."""
        return f"popular/g{generation}.json"


def _singular(kind: DatasetKind) -> str:
    return {"interactions": "interaction", "items": "items"}[kind]
