"""The campaigns stack: nothing but the campaigns, so that nothing else's failure can roll one back.

A campaign exists from the first promotion on, while the environment is awake: each (generation, role) has a ledger in
SSM, which says the solution version that serves, or `none`. CloudFormation reads the ledgers itself at every deploy.
"""

from collections.abc import Sequence
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_personalize as personalize
from constructs import Construct

from infra.naming import EMPTY_LEDGER, Role
from infra.settings import Settings
from infra.shared.acknowledgements import acknowledge
from infra.shared.generations import Generation
from infra.stacks.sleep.sleeping import awake_condition


class CampaignsStack(cdk.Stack):
    """One campaign for each role of each generation whose ledger holds a version."""

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
        # CloudFormation refuses a stack without a resource, which this one is before the first promotion. A handle
        # is a name only: it costs nothing and cannot fail.
        cdk.CfnWaitConditionHandle(self, "Nothing")
        self._awake = awake_condition(self, settings.names)
        for generation in generations:
            for role in generation.roles:
                self._campaign(settings, generation, role)

    def _campaign(self, settings: Settings, generation: Generation, role: Role) -> None:
        names = settings.names
        id_ = f"{role.capitalize()}G{generation.number}"
        version = cdk.CfnParameter(
            self,
            f"{id_}Version",
            type="AWS::SSM::Parameter::Value<String>",
            default=names.ledger(role, generation.number),
            description=f"The ledger: the solution version that {role} serves, or {EMPTY_LEDGER}",
        )
        promoted = cdk.CfnCondition(
            self,
            f"{id_}Promoted",
            expression=cdk.Fn.condition_and(
                cdk.Fn.condition_not(cdk.Fn.condition_equals(version.value_as_string, EMPTY_LEDGER)),
                # A condition is an expression; its type in Python does not say so.
                cast(cdk.ICfnConditionExpression, self._awake),
            ),
        )
        campaign = personalize.CfnCampaign(
            self,
            f"{id_}Campaign",
            name=names.campaign(role, generation.number),
            solution_version_arn=version.value_as_string,
            min_provisioned_tps=settings.min_tps(role),
            campaign_config=_exploration(generation) if role == "recommendation" else None,
        )
        campaign.cfn_options.condition = promoted
        acknowledge(
            campaign,
            {
                "CloudFormation-Validate::F3006": (
                    "The validator's list of types is older than AWS::Personalize::Campaign; cfn-lint, whose list"
                    " has it, checks the template in the tests."
                )
            },
        )


def _exploration(generation: Generation) -> personalize.CfnCampaign.CampaignConfigProperty | None:
    """The v1 recipe's settings; v2 has none. The API takes them as text."""
    if generation.exploration_weight is None or generation.exploration_item_age_cut_off is None:
        return None
    return personalize.CfnCampaign.CampaignConfigProperty(
        item_exploration_config={
            "explorationWeight": f"{generation.exploration_weight:.10g}",
            "explorationItemAgeCutOff": f"{generation.exploration_item_age_cut_off:.10g}",
        }
    )
