"""Scrambled Sobol sequences: points that fill a cube evenly, the same ones on every machine.

Those of ``scipy.stats.qmc.Sobol``, to the bit (a test compares them), without a second's import at every plan, and
without depending on how a version of SciPy seeds them.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nnbench.errors import NnbenchError

BITS = 30  # of a coordinate
# A primitive polynomial, its coefficients as bits, and the first direction numbers, for each dimension from the second
# on: new-joe-kuo-6 of Joe & Kuo (2008).
DIRECTIONS = (
    (3, (1,)), (7, (1, 3)), (11, (1, 3, 1)), (13, (1, 1, 1)), (19, (1, 1, 3, 3)), (25, (1, 3, 5, 13)),
    (37, (1, 1, 5, 5, 17)), (41, (1, 1, 5, 5, 5)), (47, (1, 1, 7, 11, 19)), (55, (1, 1, 5, 1, 1)),
    (59, (1, 1, 1, 3, 11)), (61, (1, 3, 5, 5, 31)), (67, (1, 3, 3, 9, 7, 49)), (91, (1, 1, 1, 15, 21, 21)),
    (97, (1, 3, 1, 13, 27, 49)), (103, (1, 1, 1, 15, 7, 5)), (109, (1, 3, 1, 15, 13, 25)),
    (115, (1, 1, 5, 5, 19, 61)), (131, (1, 3, 7, 11, 23, 15, 103)), (137, (1, 3, 7, 13, 13, 15, 69)),
    (143, (1, 1, 3, 13, 7, 35, 63)), (145, (1, 3, 5, 9, 1, 25, 53)), (157, (1, 3, 1, 13, 9, 35, 107)),
    (167, (1, 3, 1, 5, 27, 61, 31)), (171, (1, 1, 5, 11, 19, 41, 61)), (185, (1, 3, 5, 3, 3, 13, 69)),
    (191, (1, 1, 7, 13, 1, 19, 1)), (193, (1, 3, 7, 5, 13, 19, 59)), (203, (1, 1, 3, 9, 25, 29, 41)),
    (211, (1, 3, 5, 13, 23, 1, 55)), (213, (1, 3, 7, 3, 13, 59, 17)),
)  # fmt: skip
Bits = npt.NDArray[np.uint32]


def sobol(dimensions: int, *, seed: int) -> Iterator[tuple[float, ...]]:
    """Points in [0, 1) of each dimension, scrambled by a random matrix and shift (Matousek 1998).

    Raises NnbenchError if there are more dimensions than ``DIRECTIONS`` has.
    """
    if dimensions > len(DIRECTIONS) + 1:
        raise NnbenchError(
            "too many factors for one draw",
            got=str(dimensions),
            allowed=f"{len(DIRECTIONS) + 1} at most",
            todo="leave factors out, or split them into two studies",
        )
    (rng,) = np.random.default_rng(seed).spawn(1)
    powers = 2 ** np.arange(BITS, dtype=np.uint32)
    point = rng.integers(2, size=(dimensions, BITS), dtype=np.uint32) @ powers
    lower = np.tril(rng.integers(2, size=(dimensions, BITS, BITS), dtype=np.uint32))
    lower[:, range(BITS), range(BITS)] = 1
    bits = _directions(dimensions)[:, :, None] >> np.arange(BITS, dtype=np.uint32)[::-1] & 1
    steps = (np.einsum("dpk,djk->djp", lower, bits) & 1) @ powers[::-1]
    for number in itertools.count():
        yield tuple(point / 2**BITS)
        point = (
            point ^ steps[:, (~number & (number + 1)).bit_length() - 1]
        )  # in the order of a Gray code


def _directions(dimensions: int) -> Bits:
    """The direction numbers (dimensions, BITS), of which bit 29 stands for one half."""
    rows = [[1] * BITS, *(_row(*start) for start in DIRECTIONS[: dimensions - 1])]
    return np.array(rows, dtype=np.uint32) << np.arange(BITS, dtype=np.uint32)[::-1]


def _row(polynomial: int, first: tuple[int, ...]) -> list[int]:
    """One dimension's numbers, by the recurrence of its polynomial."""
    row, degree = list(first), len(first)
    for j in range(degree, BITS):
        new = row[j - degree]
        for k in range(degree):
            if polynomial >> (degree - 1 - k) & 1:
                new ^= row[j - k - 1] << (k + 1)
        row.append(new)
    return row
