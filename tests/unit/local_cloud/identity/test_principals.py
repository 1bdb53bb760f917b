"""Keys that stand for roles, and who may read them out of a request."""

from hypothesis import given
from hypothesis import strategies as st

from local_cloud.identity.principals import RoleSession, access_key_in, role_session, session_of

SESSION = role_session("arn:aws:iam::000000000000:role/path/dev-recommender-recommend-role-rol", "lambda")


def test_a_session_is_named_after_the_role_without_its_path() -> None:
    """As IAM looks roles up: by name alone; the key can be read in a log."""
    assert RoleSession("lambda", "dev-recommender-recommend-role-rol") == SESSION
    assert "ASIA.lambda.dev-recommender-recommend-role-rol" == SESSION.access_key
    assert "lambda.amazonaws.com" == SESSION.principal


@given(st.text("abcXYZ019_+=,.@-", min_size=1, max_size=64))
def test_every_role_name_comes_back_from_its_key(name: str) -> None:
    """Also names with the characters that separate the parts of a key or of a header."""
    session = RoleSession("states", name)
    assert session == session_of(session.access_key)
    header = f"AWS4-HMAC-SHA256 Credential={session.access_key}/20261122/us-east-1/s3/aws4_request, SignedHeaders=host"
    assert session.access_key == access_key_in(header)


def test_no_other_key_stands_for_a_role() -> None:
    """The account's key, keys of users and of other sessions, nothing, and what only begins like a role's."""
    keys = (
        "test",
        "",
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "ASIA.",
        "ASIA..role",
        "ASIA.lambda.",
        "000000000000",
    )
    assert [] == [key for key in keys if session_of(key)]


def test_a_header_of_another_scheme_names_no_key() -> None:
    """Signature Version 4 only."""
    assert ["", "", ""] == [access_key_in(header) for header in ("", "Bearer Credential=a/b", "AWS4-HMAC-SHA256 none")]


def test_secrets_and_tokens_differ_by_role_and_service() -> None:
    """One role's credentials say nothing about another's."""
    sessions = [RoleSession(service, role) for service in ("lambda", "states") for role in ("a", "b")]
    assert 8 == len({secret for session in sessions for secret in (session.secret_key, session.token)})
