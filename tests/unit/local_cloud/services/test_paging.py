"""Tokens of list operations."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.services.paging import place_in, token_for


@given(scope=st.text(), place=st.one_of(st.text(), st.integers()))
def test_a_token_says_where_its_list_goes_on(scope: str, place: str | int) -> None:
    """And no other list."""
    token = token_for(scope, place)
    assert place == place_in(token, scope)
    with pytest.raises(ValueError, match="no token of this list"):
        place_in(token, f"{scope}x")


@pytest.mark.parametrize(
    "text",
    ["", "x", "größe", "bnVsbA==", base64.b64encode(b"[" * 10_000).decode(), "../..", token_for("scope", 1)[:-4]],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    """Whatever it is."""
    with pytest.raises(ValueError):
        place_in(text, "scope")
