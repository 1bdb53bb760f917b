"""The strict part of the states language, by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.emulator.states.language import (
    PAYLOAD_LIMIT_BYTES,
    StatesError,
    check_size,
    expand,
    formatted,
    holds,
    is_present,
    matches,
    resolve,
)

DATA = {"a": {"b": [10, {"c": None}]}, "with space": 1, "texts": ["x", "y"], "of": {"k": 1, "l": 2}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DATA),
        ("$.a.b[0]", 10),
        ("$.a.b[1].c", None),
        ("$['with space']", 1),
        ('$.a["b"][0]', 10),
        ("$.texts[*]", ["x", "y"]),
        ("$.of.*", [1, 2]),
        ("$.a.b[*].missing", []),
        ("$.a.b[0].*", []),
        ("$..c", [None]),
        ("$..b[0]", [10]),
        ("$.of..k", [1]),
        ("$..of.l", [2]),
        ("$..missing", []),
        ("$.a..missing", []),
    ],
)
def test_paths_find(path, value):
    """Members, indexes, quoted names, wildcards and names at any depth; those two find an empty list where others fail."""
    assert resolve(path, DATA) == value


@pytest.mark.parametrize(
    "path",
    [
        "$.missing",
        "$.missing[*]",
        "$.missing..c",
        "$..",
        "$.a.b[2]",
        "$.a.b.c",
        "$.texts.x",
        "a.b",
        "$.",
        "$.a[?(@.x)]",
        "$[",
        "",
    ],
)
def test_what_is_missing_or_no_path_is_a_runtime_error(path):
    """No null, no text "None"."""
    with pytest.raises(StatesError) as error:
        resolve(path, DATA)
    assert error.value.error == "States.Runtime"


def test_the_error_shows_the_path_and_a_piece_of_the_input():
    """But not a quarter of a megabyte of it."""
    with pytest.raises(StatesError, match=r"\$\.missing") as error:
        resolve("$.missing", {"long": "x" * 10_000})
    assert len(error.value.cause) < 1_000


def test_a_null_is_present():
    """IsPresent asks for the member, not for its value."""
    assert is_present("$.a.b[1].c", DATA)
    assert not is_present("$.a.b[1].d", DATA)
    assert not is_present("$.missing.deep", DATA)


def test_templates_replace_members_at_every_depth():
    """Objects in lists, too; what has no `.$` stays as it is."""
    template = {"x.$": "$.a", "list": [{"y.$": "$.b"}, "$.a"], "plain": "$.a"}
    assert expand(template, {"$.a": 1, "$.b": 2}.__getitem__) == {"x": 1, "list": [{"y": 2}, "$.a"], "plain": "$.a"}


@pytest.mark.parametrize("value", ["text", 5, {"a": 1}, None])
def test_a_template_member_without_a_path_is_refused(value):
    """`NAME.$` stands for a path or a function."""
    with pytest.raises(StatesError):
        expand({"x.$": value}, lambda _: None)


@pytest.mark.parametrize(
    ("names", "error", "held"),
    [
        (["States.ALL"], "Anything", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", False),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
        (["States.TaskFailed"], "Ssm.SsmException", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.ALL"], "States.Timeout", True),
        (["Ssm.ParameterNotFoundException"], "Ssm.SsmException", False),
    ],
)
def test_what_holds_an_error(names, error, held):
    """The names that Retry and Catch match."""
    assert matches(names, error) is held


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"StringEquals": "b"}, True),
        ({"StringLessThan": "c"}, True),
        ({"StringGreaterThanEquals": "c"}, False),
        ({"StringMatches": "*"}, True),
        ({"StringMatches": "a*"}, False),
        ({"StringEqualsPath": "$.same"}, True),
        ({"NumericEquals": 1}, False),
        ({"IsString": True}, True),
        ({"IsNumeric": False}, True),
        ({"IsTimestamp": True}, False),
        ({"IsBoolean": False}, True),
        ({"IsNull": False}, True),
        ({"IsPresent": False}, False),
    ],
)
def test_rules_about_a_text(rule, expected):
    """Comparisons, tests, and the path of another value."""
    assert _holds({"Variable": "$.v", **rule}, {"v": "b", "same": "b"}) is expected


@pytest.mark.parametrize(
    ("value", "rule", "expected"),
    [
        (5, {"NumericGreaterThan": 4.9}, True),
        (5, {"NumericLessThanEqualsPath": "$.limit"}, True),
        ("5", {"NumericGreaterThan": 4}, False),
        (True, {"NumericEquals": 1}, False),
        (True, {"BooleanEquals": True}, True),
        (1, {"BooleanEquals": True}, False),
        ("2026-11-22T08:00:00Z", {"TimestampLessThan": "2026-11-22T09:30:00+01:00"}, True),
        ("2026-11-22T08:00:00.001Z", {"TimestampGreaterThan": "2026-11-22T08:00:00Z"}, True),
        ("2026-11-22", {"TimestampLessThan": "2027-01-01T00:00:00Z"}, False),
        ("2026-11-22T08:00:00", {"IsTimestamp": True}, False),
        ("2026-11-22Tnever", {"IsTimestamp": True}, False),
        ("a*b", {"StringMatches": "a\\*b"}, True),
        ("axb", {"StringMatches": "a\\*b"}, False),
    ],
)
def test_rules_about_other_values(value, rule, expected):
    """Each kind compares its own kind only; times need a zone; a star can be escaped."""
    assert _holds({"Variable": "$.v", **rule}, {"v": value, "limit": 5}) is expected


def test_connectives_stop_as_soon_as_they_can():
    """IsPresent in an And guards what follows."""
    guarded = [{"Variable": "$.no", "IsPresent": True}, {"Variable": "$.no", "StringEquals": "x"}]
    assert _holds({"And": guarded}, {}) is False
    assert _holds({"Or": [{"Variable": "$.v", "StringEquals": "b"}, guarded[1]]}, {"v": "b"}) is True
    assert _holds({"Not": {"And": guarded}}, {}) is True


def test_an_unknown_comparison_is_an_error():
    """It never quietly holds or does not hold."""
    with pytest.raises(StatesError, match="StringIsLike"):
        _holds({"Variable": "$.v", "StringIsLike": "b"}, {"v": "b"})
    with pytest.raises(StatesError, match="nothing"):
        _holds({"Variable": "$.v"}, {"v": "b"})


def test_format_counts_its_arguments():
    """Escapes are for the template, not for what is put in."""
    assert formatted("{} \\{\\} \\'{}\\'", ["a{}", 1]) == "a{} {} '1'"
    for template, arguments in (("{}", []), ("", ["a"]), ("{}", [{}]), ("{}", [[1]]), (None, [])):
        with pytest.raises(StatesError) as error:
            formatted(template, arguments)
        assert error.value.error == "States.IntrinsicFailure"


def test_the_limit_counts_bytes():
    """A character of three bytes counts three."""
    assert check_size("x" * (PAYLOAD_LIMIT_BYTES - 2))
    with pytest.raises(StatesError, match=str(PAYLOAD_LIMIT_BYTES + 1)):
        check_size("x" * (PAYLOAD_LIMIT_BYTES - 4) + "\u20ac")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner),
)


@given(json_values, st.lists(st.from_regex(r"[a-z]{1,3}", fullmatch=True), max_size=3))
def test_a_path_finds_exactly_what_is_present(data, names):
    """`resolve` and `is_present` never disagree."""
    path = "$" + "".join(f".{name}" for name in names)
    if is_present(path, data):
        resolve(path, data)
    else:
        with pytest.raises(StatesError):
            resolve(path, data)


def _holds(rule, data):
    return holds(rule, lambda path: resolve(path, data), lambda path: is_present(path, data))
