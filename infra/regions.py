"""Where Amazon Personalize is: botocore's endpoint data, without credentials or a network.

Only the partition `aws` counts: the project makes its ARNs and principals for that one (China has Personalize too).
https://docs.aws.amazon.com/general/latest/gr/personalize.html lists the same Regions.
"""

from functools import cache

from botocore.loaders import Loader
from botocore.regions import EndpointResolver

PARTITION = "aws"


@cache
def regions_of(service: str) -> frozenset[str]:
    """The Regions of the partition in which botocore knows an endpoint of `service`.

    Not by way of a session: that would read the caller's profile, and fail where it names one that does not exist.
    """
    resolver = EndpointResolver(Loader().load_data("endpoints"))
    return frozenset(resolver.get_available_endpoints(service, PARTITION))


@cache
def partition_of(region: str) -> str | None:
    """The Region's partition (`aws-cn`, `aws-us-gov`...); None where botocore knows no such Region."""
    data = Loader().load_data("endpoints")
    return next((str(part["partition"]) for part in data["partitions"] if region in part["regions"]), None)
