"""The personalize stack: for each generation its schemas, dataset group, datasets, tracker, filters and solutions.

All native CloudFormation types. The library states no order among them, so it is stated here: group, then datasets
with their imports, then tracker, filters and solutions. ARNs within the stack are `Fn::GetAtt`, never `Ref` (which
the types define differently); nothing is tagged, because a tag change would replace the resource.
"""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_personalize as personalize
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.naming import DATASETS, DatasetKind
from infra.settings import Settings
from infra.shared.generations import METADATA_KEY, Generation
from infra.stacks.data import imported_key

BASELINE_RECIPE = "aws-popularity-count"
_DATASET_TYPES: Mapping[DatasetKind, str] = {"interactions": "Interactions", "items": "Items"}


class PersonalizeStack(cdk.Stack):
    """The Personalize resources of every generation that exists, and a record of what each is made of."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        generations: Sequence[Generation],
        env: cdk.Environment,
    ) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.protected)
        key_arn = imported_key(self, settings.names).key_arn
        for generation in generations:
            _GenerationResources(
                self, f"Generation{generation.number}", settings=settings, generation=generation, key_arn=key_arn
            )
        self.template_options.metadata = {
            METADATA_KEY: {str(each.number): each.model_dump(mode="json") for each in generations}
        }


class _GenerationResources(Construct):
    def __init__(self, scope: Construct, id_: str, *, settings: Settings, generation: Generation, key_arn: str) -> None:
        super().__init__(scope, id_)
        self._names = settings.names
        self._generation = generation
        self._group = personalize.CfnDatasetGroup(
            self,
            "DatasetGroup",
            name=self._names.dataset_group(generation.number),
            kms_key_arn=key_arn,
            role_arn=self._names.role_arn("personalize"),
        )
        self._datasets = [self._dataset(kind) for kind in DATASETS]
        self._tracker()
        self._filters()
        self._solutions()

    def _dataset(self, kind: DatasetKind) -> personalize.CfnDataset:
        names, number = self._names, self._generation.number
        digest = self._generation.digests[kind]
        title = kind.capitalize()
        schema = personalize.CfnSchema(
            self, f"{title}Schema", name=names.schema(kind, number), schema=self._generation.schemas[kind]
        )
        return personalize.CfnDataset(
            self,
            f"{title}Dataset",
            name=names.dataset(kind, number),
            dataset_type=_DATASET_TYPES[kind],
            dataset_group_arn=self._group.attr_dataset_group_arn,
            schema_arn=schema.attr_schema_arn,
            dataset_import_job=personalize.CfnDataset.DatasetImportJobProperty(
                job_name=names.import_job(kind, digest, number),
                role_arn=names.role_arn("personalize"),
                data_source={"DataLocation": f"s3://{names.bucket('seed')}/{names.seed_key(kind, digest, number)}"},
            ),
        )

    def _after_datasets(self, resource: cdk.CfnResource) -> None:
        for dataset in self._datasets:
            resource.add_resource_dependency(dataset)

    def _tracker(self) -> None:
        number = self._generation.number
        tracker = personalize.CfnEventTracker(
            self,
            "EventTracker",
            name=self._names.event_tracker(number),
            dataset_group_arn=self._group.attr_dataset_group_arn,
        )
        # A tracker is refused while the group has no interactions dataset.
        self._after_datasets(tracker)
        ssm.StringParameter(
            self,
            "TrackingId",
            parameter_name=self._names.tracking_id_parameter(number),
            string_value=tracker.attr_tracking_id,
        )

    def _filters(self) -> None:
        previous: cdk.CfnResource | None = None
        for filter_, expression in self._generation.filters.items():
            name = self._generation.filter_name(filter_, self._names)
            # The logical id follows the name: a changed expression is another resource, made before the old one goes.
            resource = personalize.CfnFilter(
                self,
                f"Filter-{name}",
                name=name,
                dataset_group_arn=self._group.attr_dataset_group_arn,
                filter_expression=expression,
            )
            self._after_datasets(resource)
            # One after the other: a service quota allows five resources of a kind in creation.
            if previous is not None:
                resource.add_resource_dependency(previous)
            previous = resource

    def _solutions(self) -> None:
        names, generation = self._names, self._generation
        solutions = {names.solution(role, generation.number): generation.recipe(role) for role in generation.roles}
        if generation.popularity_baseline:
            solutions[names.baseline_solution(generation.number)] = BASELINE_RECIPE
        for name, recipe in solutions.items():
            solution = personalize.CfnSolution(
                self,
                f"Solution-{recipe.removeprefix('aws-').removesuffix('-v2')}",
                name=name,
                dataset_group_arn=self._group.attr_dataset_group_arn,
                recipe_arn=names.recipe_arn(recipe),
            )
            self._after_datasets(solution)
