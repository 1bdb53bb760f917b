"""Filters: each operator over each type, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.services.s3vectors.filters import DEEPEST, FilterError, predicate

CAT: dict[str, Any] = {"species": "cat", "age": 3, "tags": ["calm", "small", 7], "ok": True, "zero": 0, "half": 0.5}


@pytest.mark.parametrize(
    "one",
    [
        {"species": "cat"},
        {"species": {"$eq": "cat"}},
        {"tags": "calm"},
        {"tags": 7},
        {"ok": True},
        {"age": 3.0},
        {"species": {"$ne": "dog"}},
        {"absent": {"$ne": "dog"}},
        {"absent": {"$nin": ["dog"]}},
        {"age": {"$gt": 2}},
        {"age": {"$gte": 3, "$lt": 4}},
        {"half": {"$lte": 0.5}},
        {"age": {"$lt": 10**300}},
        {"species": {"$in": ["dog", "cat"]}},
        {"tags": {"$in": ["small"]}},
        {"species": {"$nin": ["dog"]}},
        {"species": {"$exists": True}},
        {"absent": {"$exists": False}},
        {"$or": [{"species": "dog"}, {"age": 3}]},
        {"$and": [{"species": "cat"}, {"$or": [{"age": 1}, {"ok": True}]}]},
        {"species": "cat", "age": {"$gt": 1}},
    ],
)
def test_what_holds(one: dict[str, Any]) -> None:
    """Of the cat."""
    assert predicate(one, ())(CAT)


@pytest.mark.parametrize(
    "one",
    [
        {"species": "dog"},
        {"ok": 1},
        {"zero": False},
        {"tags": {"$ne": "calm"}},
        {"tags": {"$nin": ["calm"]}},
        {"species": {"$gt": 1}},
        {"ok": {"$gte": 0}},
        {"tags": {"$gt": 1}},
        {"absent": {"$lt": 5}},
        {"absent": "cat"},
        {"species": {"$exists": False}},
        {"species": "cat", "age": {"$gt": 3}},
        {"$and": [{"species": "cat"}, {"age": 4}]},
    ],
)
def test_what_does_not_hold(one: dict[str, Any]) -> None:
    """Of the cat; true is not 1, and only numbers have an order."""
    assert not predicate(one, ())(CAT)


@pytest.mark.parametrize(
    "one",
    [
        None, [], "x", {}, {"$and": {}}, {"$or": []}, {"$not": {}}, {"a": {}}, {"a": None}, {"a": [1]},
        {"a": {"$eq": [1]}}, {"a": {"$gt": True}}, {"a": {"$gt": "1"}}, {"a": {"$gt": float("nan")}},
        {"a": {"$lt": 10**400}}, {"a": {"$in": []}}, {"a": {"$in": "x"}}, {"a": {"$nin": [[1]]}},
        {"a": {"$exists": "true"}}, {"a": {"b": 1}}, {"note": "x"}, {"$and": [{"a": 1}, {"note": {"$exists": True}}]},
    ],
)  # fmt: skip
def test_what_is_refused(one: Any) -> None:
    """Before any vector is looked at."""
    with pytest.raises(FilterError):
        predicate(one, {"note"})


def test_nesting_has_an_end() -> None:
    """A filter that is nested as deep as allowed works, one level more does not, and no depth breaks the process."""
    one: dict[str, Any] = {"age": 3}
    for _ in range(DEEPEST - 1):
        one = {"$or": [one]}
    assert predicate(one, ())(CAT)
    for _ in range(900):
        one = {"$and": [one]}
        with pytest.raises(FilterError):
            predicate(one, ())


@given(
    value=st.one_of(st.text(), st.integers(), st.booleans()), other=st.one_of(st.text(), st.integers(), st.booleans())
)
def test_equal_and_not_equal_are_opposites(value: Any, other: Any) -> None:
    """And `$in` of one value is `$eq`."""
    metadata = {"key": value}
    equal = predicate({"key": {"$eq": other}}, ())(metadata)
    assert equal is not predicate({"key": {"$ne": other}}, ())(metadata)
    assert equal is predicate({"key": {"$in": [other]}}, ())(metadata)
    assert equal is ((type(value) is bool) is (type(other) is bool) and value == other)
