"""Which rights were used."""

from local_cloud.identity.decisions import Decision
from local_cloud.identity.rights import Right, rights_of, used

POLICY = {
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["a/*", "b/*"]},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "k", "Condition": {"StringEquals": {"kms:ViaService": "s"}}},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
    ]
}  # fmt: skip


def test_a_right_is_one_action_on_one_resource() -> None:
    """Each with its condition; what is denied is no right."""
    assert [
        Right("r", "s3:GetObject", "a/*"),
        Right("r", "s3:GetObject", "b/*"),
        Right("r", "s3:PutObject", "a/*"),
        Right("r", "s3:PutObject", "b/*"),
        Right("r", "kms:Decrypt", "k", "StringEquals kms:ViaService"),
    ] == list(rights_of("r", POLICY))


def test_a_right_is_used_by_the_role_the_action_and_the_grant() -> None:
    """Neither another role's call, nor a refused one, nor one by another grant uses it."""
    rights = list(rights_of("r", POLICY))[:2]

    def decided(role: str, grant: str, *, allowed: bool = True) -> Decision:
        return Decision(
            role=role, service="lambda", action="s3:GetObject", resource="a/1", allowed=allowed, granted_by=grant
        )

    others = [decided("other", "a/*"), decided("r", "a/*", allowed=False), decided("r", "c/*")]
    assert [False, False] == list(used(rights, others).values())
    assert [True, False] == list(used(rights, [*others, decided("r", "a/*")]).values())
