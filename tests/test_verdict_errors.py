"""The design's operating characteristics: how often the rules err."""

from __future__ import annotations

import math
from collections import Counter
from typing import get_args

import numpy as np
import pytest
from verdict_cases import Floats, chain, verdict_of

from nnbench.claims.kinds import Outcome

# --- error rates


def simulated(means: tuple[float, ...], *, margin: float, blocks: int, repeats: int) -> Floats:
    """Shares of the four verdicts for three levels whose paired differences have SD 1."""
    rng = np.random.default_rng(20)
    runs = rng.normal(0, math.sqrt(0.5), (repeats, 3, blocks)) + np.array(means)[:, None]
    rules = chain(margin=margin)
    count = Counter(verdict_of(dict(zip("ABC", run, strict=True)), rules).verdict for run in runs)
    return np.array([count[outcome] / repeats for outcome in get_args(Outcome)])


@pytest.mark.parametrize(
    ("means", "gap", "blocks", "percent"),
    [
        pytest.param((2, 1, 0), 1, 10, (80, 20, 0, 0), id="true-gap-1-ten-blocks"),
        pytest.param((2, 1, 0), 1, 5, (30, 58, 0, 11), id="true-gap-1-five-blocks"),
        pytest.param((3, 1.5, 0), 1.5, 10, (100, 0, 0, 0), id="true-gap-1.5-ten-blocks"),
        pytest.param((0, 0, 0), 1, 10, (0, 4, 11, 85), id="all-equal-ten-blocks"),
        pytest.param((0, 1, 2), 1, 10, (0, 0, 100, 0), id="reversed-ten-blocks"),
    ],
)
def test_the_rules_have_the_error_rates_of_the_design(
    means: tuple[float, ...], gap: float, blocks: int, percent: tuple[float, ...]
) -> None:
    repeats = 1000
    expected = np.array(percent) / 100
    tolerance = 0.01 + 3 * np.sqrt(expected * (1 - expected) / repeats)  # 0.01: printed rounded
    shares = simulated(means, margin=gap / 2, blocks=blocks, repeats=repeats)
    assert np.all(np.abs(shares - expected) <= tolerance), f"measured {shares}"
