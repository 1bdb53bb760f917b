"""What a request of Feature Store is judged by: the ARN of the feature group that it names.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
"""

from collections.abc import Mapping
from typing import Any

from local_cloud.services.feature_store.definition import group_arn


def resource(_operation: str, given: Mapping[str, Any]) -> str:
    """The ARN that an operation is allowed on, by its parameters as they came; `*` where they name nothing.

    Of several groups the first: the operation asks for the others itself.
    """
    name = given.get("FeatureGroupName")
    several = given.get("Identifiers", given.get("Entries"))
    if isinstance(several, list) and several and isinstance(several[0], dict):
        name = several[0].get("FeatureGroupName")
    if not isinstance(name, str):
        return "*"
    return name if name.startswith("arn:") else group_arn(name)
