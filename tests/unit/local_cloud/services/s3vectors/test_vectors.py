"""Vectors as 32-bit numbers, and their distances."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.services.s3vectors.vectors import VectorError, distance_to, packed, unpacked

NUMBERS = st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3)
DIRECTIONS = NUMBERS.filter(lambda values: math.hypot(*values) > 1e-3)


@given(values=NUMBERS)
def test_what_a_32_bit_number_holds_comes_back(values: list[float]) -> None:
    """Exactly."""
    assert tuple(values) == unpacked(packed(values, 3, "euclidean"))


def test_more_precise_values_are_rounded() -> None:
    """To the nearest 32-bit number."""
    assert struct.unpack("<f", struct.pack("<f", 0.1)) == unpacked(packed([0.1], 1, "cosine"))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0]])
def test_another_length_is_refused(values: list[float]) -> None:
    """The message says both."""
    with pytest.raises(VectorError, match=f"length 2, but has length {len(values)}"):
        packed(values, 2, "euclidean")


@pytest.mark.parametrize("values", [[0, 0], [0.0, -0.0], [1e-60, 0]])
def test_zeros_have_no_direction(values: list[float]) -> None:
    """Also those that become zeros as 32-bit numbers; a place they may be."""
    with pytest.raises(VectorError, match="zeros"):
        packed(values, 2, "cosine")
    assert (0.0, 0.0) == unpacked(packed(values, 2, "euclidean"))


@given(one=DIRECTIONS, other=DIRECTIONS, factor=st.floats(0.01, 100))
def test_the_cosine_distance_knows_directions_only(one: list[float], other: list[float], factor: float) -> None:
    """Within 0 and 2, the same both ways, whatever the lengths; 0 to itself."""
    distance = distance_to(one, "cosine")(other)
    assert 0 <= distance <= 2
    assert distance == pytest.approx(distance_to(other, "cosine")(one), abs=1e-9)
    assert distance == pytest.approx(distance_to(one, "cosine")([factor * value for value in other]), abs=1e-6)
    assert pytest.approx(0, abs=1e-9) == distance_to(one, "cosine")(one)


@given(one=NUMBERS, other=NUMBERS)
def test_the_euclidean_distance(one: list[float], other: list[float]) -> None:
    """As Pythagoras says."""
    expected = math.sqrt(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)))
    assert expected == pytest.approx(distance_to(one, "euclidean")(other), rel=1e-9)


def test_the_largest_and_the_smallest_numbers_have_distances() -> None:
    """Neither overflows nor divides by nothing."""
    largest, smallest = [3.4e38] * 4096, [1.5e-45] * 4096
    assert pytest.approx(0, abs=1e-9) == distance_to(largest, "cosine")(unpacked(packed(smallest, 4096, "cosine")))
    assert math.isfinite(distance_to(largest, "euclidean")([-value for value in largest]))
