"""Every name that the project gives, in one place: resources, SSM parameters and Amazon Personalize ARNs.

Pattern of resource names: `{environment}-{name}-{suffix}`, as in the published reference, so that its clients find
what they know. Personalize names carry the generation from the second on (`dev-recommender-solution-g2-pss`): most of
their properties cannot be changed, so a new recipe or schema is a new generation of resources beside the old one.

Names need neither credentials nor a deployed stack: stacks, tools and tests all compute the same strings.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["recommendation", "reranking"]
ROLES: tuple[Role, ...] = ("recommendation", "reranking")
DatasetKind = Literal["interactions", "items"]

STACKS = ("data", "personalize", "ingestion", "training", "campaigns", "serving", "monitoring")

ALIAS = "live"
"""The Lambda alias that callers use; published function names in SSM are `name:live`."""

METRIC_NAMESPACE = "AnimalRecommender"
"""CloudWatch namespace of every metric that the project publishes."""

EMPTY_LEDGER = "none"
"""What a ledger holds before the first promotion."""

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
    def topic(self) -> str:
        return self._name("recommender-topic", "sns")

    @property
    def quarantine_queue(self) -> str:
        return self._name("recommender-quarantine", "sqs")

    @property
    def state_machine(self) -> str:
        return self._name("recommender-state-machine", "stm")

    @property
    def schedule(self) -> str:
        return self._name("recommender-statemachine-trigger", "sch")

    @property
    def dashboard(self) -> str:
        return self._name("recommender", "dash")

    @property
    def glue_database(self) -> str:
        return f"{self.environment}_recommender".replace("-", "_")

    def bucket(self, purpose: Literal["archive", "seed", "quarantine", "access-logs"]) -> str:
        """Bucket names are global to AWS: they carry account and region."""
        return f"{self.environment}-recommender-{purpose}-{self.account}-{self.region}"

    def function(self, function: Literal["forward_events", "recommend", "rerank", "evaluate_version"]) -> str:
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

    def personalize_arn(self, resource: str) -> str:
        """`arn:aws:personalize:REGION:ACCOUNT:RESOURCE`, e.g. for `campaign/NAME`."""
        return f"arn:{self.partition}:personalize:{self.region}:{self.account}:{resource}"

    def recipe_arn(self, recipe: str) -> str:
        return f"arn:{self.partition}:personalize:::recipe/{recipe}"

    def dataset_group_arn(self, generation: int) -> str:
        return self.personalize_arn(f"dataset-group/{self.dataset_group(generation)}")

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

    def tracking_id_parameter(self, generation: int) -> str:
        return self._of_generation("personalize/event-tracker/id", generation)

    @property
    def lock(self) -> str:
        """Held by the training run or the deploy that works on the campaigns; exists only while held."""
        return self.parameter("lock")

    # --- S3 keys with a meaning

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
