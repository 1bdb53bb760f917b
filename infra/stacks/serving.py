"""The serving stack: `recommend` and `rerank`, which know the campaigns by name and stand before the first one does."""

import json

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.naming import Function, Role
from infra.settings import Settings
from infra.shared.functions import HandlerFunction, deadline_timeout
from infra.shared.generations import Generation
from infra.stacks.data import imported_key

_HANDLERS: dict[Role, Function] = {"recommendation": "recommend", "reranking": "rerank"}
_ACTIONS: dict[Role, str] = {
    "recommendation": "personalize:GetRecommendations",
    "reranking": "personalize:GetPersonalizedRanking",
}
_DESCRIPTIONS: dict[Role, str] = {
    "recommendation": "The animal groups that a visitor is most likely to adopt",
    "reranking": "A list of animals in a visitor's order",
}


class ServingStack(cdk.Stack):
    """The functions of one generation's roles, each behind its alias, with what clients look up in SSM."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        generation: Generation,
        env: cdk.Environment,
    ) -> None:
        super().__init__(scope, id_, env=env, termination_protection=settings.protected)
        self._settings = settings
        self._generation = generation
        key = imported_key(self, settings.names)
        for role in generation.roles:
            self._role(role, key)
        ssm.StringParameter(
            self,
            "SolutionArn",
            parameter_name=settings.names.parameter("solution/arn"),
            string_value=settings.names.solution_arn("recommendation", generation.number),
        )

    def _role(self, role: Role, key: kms.IKey) -> None:
        names, number = self._settings.names, self._generation.number
        campaign_arn = names.campaign_arn(role, number)
        environment = {
            "CAMPAIGN_ARN": campaign_arn,
            "POPULAR_BUCKET": names.bucket("seed"),
            "POPULAR_KEY": names.popular_key(number),
            "BREED_SCRIPTS": ",".join(self._settings.breed_scripts),
            "ASLEEP_PARAMETER": names.asleep,
            "DEADLINE_MILLISECONDS": str(self._settings.serving_deadline_milliseconds),
        }
        if role == "recommendation":
            environment["FILTER_ARNS"] = json.dumps(self._generation.filter_arns(names), sort_keys=True)
        function = HandlerFunction(
            self,
            _HANDLERS[role].capitalize(),
            handler=_HANDLERS[role],
            settings=self._settings,
            key=key,
            description=_DESCRIPTIONS[role],
            environment=environment,
            statements=self._statements(role, key),
            timeout_seconds=deadline_timeout(self._settings),
        )
        for id_, path, value in (
            ("FunctionName", f"personalize/{role}/function-name", function.published_name),
            # The campaign's ARN: the path is the one that existing clients read.
            ("CampaignArn", f"personalize/{role}/campaign/id", campaign_arn),
        ):
            ssm.StringParameter(
                self, f"{role.capitalize()}{id_}", parameter_name=names.parameter(path), string_value=value
            )

    def _statements(self, role: Role, key: kms.IKey) -> list[iam.PolicyStatement]:
        names, number = self._settings.names, self._generation.number
        resources = [names.campaign_arn(role, number)]
        if role == "recommendation":
            resources.extend(self._generation.filter_arns(names).values())
        return [
            iam.PolicyStatement(sid="AskPersonalize", actions=[_ACTIONS[role]], resources=resources),
            iam.PolicyStatement(
                sid="ReadPopularList",
                actions=["s3:GetObject"],
                resources=[f"{names.bucket_arn('seed')}/{names.popular_key(number)}"],
            ),
            # Without the right to list, S3 answers a missing object with AccessDenied instead of NoSuchKey.
            iam.PolicyStatement(sid="TellMissing", actions=["s3:ListBucket"], resources=[names.bucket_arn("seed")]),
            # Only when Personalize does not know the campaign: whether the environment sleeps.
            iam.PolicyStatement(
                sid="ReadWhetherAsleep",
                actions=["ssm:GetParameter"],
                resources=[names.parameter_arn(names.asleep)],
            ),
            iam.PolicyStatement(
                sid="UseKey",
                actions=["kms:Decrypt"],
                resources=[key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"s3.{names.region}.amazonaws.com"}},
            ),
        ]
