"""CloudFormation's AWS::Budgets::Budget, which MiniStack has as a service but not as a resource type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.emulator.cloudformation.calls import InnerService
from local_cloud.emulator.cloudformation.resources import ResourceError

CREATE_ONLY = ("NotificationsWithSubscribers", "ResourceTags")


@dataclass(frozen=True, slots=True)
class Budgets:
    """Creates, updates and deletes budgets through the Budgets API; the physical id is the budget's name."""

    budgets: InnerService
    account: str

    def create(self, logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        """Raises ResourceError when there is a budget of that name or its definition is refused."""
        budget = {"BudgetName": f"{stack}-{logical_id}"[:100], **properties["Budget"]}
        given = {k: v for k, v in properties.items() if k != "Budget"}
        self.budgets.call("CreateBudget", {**given, "AccountId": self.account, "Budget": budget})
        return str(budget["BudgetName"]), {}

    def update(
        self, physical_id: str, _old: Mapping[str, Any], new: Mapping[str, Any], _stack: str
    ) -> tuple[str, dict[str, str]]:
        budget = {**new["Budget"], "BudgetName": physical_id}
        self.budgets.call("UpdateBudget", {"AccountId": self.account, "NewBudget": budget})
        return physical_id, {}

    def delete(self, physical_id: str, _properties: Mapping[str, Any]) -> None:
        try:
            self.budgets.call("DeleteBudget", {"AccountId": self.account, "BudgetName": physical_id})
        except ResourceError as error:
            if error.code != "NotFoundException":
                raise
