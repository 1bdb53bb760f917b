"""Vectors as they are kept, and how far they lie from each other.

Values are 32-bit floating point numbers, whatever is given; finite ones, not all zero where the distance is the cosine:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_S3VectorBuckets_PutInputVector.html

The search looks at every vector: the emulator's environment has no numpy, and for the thousands of vectors of a shelter
the standard library is fast enough. So what is found here is exact, where the service's answer is approximate.
"""

import math
import operator
import struct
from collections.abc import Callable, Sequence

Numbers = Sequence[float]


class VectorError(ValueError):
    """Values that are no vector of the index."""


def packed(values: Sequence[float], dimension: int, metric: str) -> bytes:
    """The vector as it is kept. Raises VectorError."""
    if len(values) != dimension:
        raise VectorError(f"the vector must have length {dimension}, but has length {len(values)}")
    data = struct.pack(f"<{dimension}f", *values)
    if metric == "cosine" and not any(unpacked(data)):
        raise VectorError("a vector of zeros is not allowed where the distance is the cosine")
    return data


def unpacked(data: bytes) -> tuple[float, ...]:
    """The values of a kept vector."""
    return struct.unpack(f"<{len(data) // 4}f", data)


def distance_to(values: Numbers, metric: str) -> Callable[[Numbers], float]:
    """The distance of other vectors from this one: 1 - cosine, or Euclid's."""
    if metric == "euclidean":
        return lambda other: math.dist(values, other)
    length = math.hypot(*values)

    def cosine(other: Numbers) -> float:
        product: float = sum(map(operator.mul, values, other))
        return min(2.0, max(0.0, 1.0 - product / (length * math.hypot(*other))))

    return cosine
