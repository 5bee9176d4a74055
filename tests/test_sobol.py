"""Points that contexts and studies are drawn by."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import qmc

from nnbench.claims.sobol import DIRECTIONS, sobol
from nnbench.errors import NnbenchError

MOST = len(DIRECTIONS) + 1


@pytest.mark.parametrize("dimensions", [1, 2, 9, MOST])
@pytest.mark.parametrize("seed", [0, 1, 2024])
def test_points_are_those_of_scipy_to_the_bit(dimensions: int, seed: int) -> None:
    found = list(itertools.islice(sobol(dimensions, seed=seed), 300))
    wanted = qmc.Sobol(dimensions, scramble=True, rng=seed).random(512)[:300]
    assert np.array_equal(found, wanted)


def test_more_dimensions_than_there_are_numbers_for_are_refused() -> None:
    with pytest.raises(NnbenchError, match="too many factors"):
        next(sobol(MOST + 1, seed=0))
