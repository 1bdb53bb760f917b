"""Where the local cloud's resources are: its one account and Region, as their ARNs say."""

ACCOUNT, REGION = "000000000000", "us-east-1"


def arn(service: str, resource: str) -> str:
    """The ARN of a resource, e.g. `arn:aws:s3vectors:us-east-1:000000000000:bucket/pets`."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
