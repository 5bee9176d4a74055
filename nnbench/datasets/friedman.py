"""Friedman's first regression problem, drawn anew for each seed: five of ten features count, with noise.

Friedman: Multivariate Adaptive Regression Splines, Annals of Statistics 1991, equation 61:
y = 10 sin(π x1 x2) + 20 (x3 - 1/2)² + 10 x4 + 5 x5 + e, features uniform in [0, 1), e standard normal. The
signal's variance is 23.8, so the noise leaves an R² of 0.96 to the best model.
"""

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Arrays, Dataset, Inputs, Labels, Stream
from nnbench.datasets.streams import CHUNK, draw_chunks

FEATURES = 10


def draw(n: int, *, seed: int, stream: Stream) -> Arrays:
    """The first ``n`` samples of a stream, and their targets; errors as in ``draw_chunks``."""
    drawn = draw_chunks("friedman1", (FEATURES + 1,), _fill, n, seed=seed, stream=stream).inputs
    inputs = drawn[:, :FEATURES].copy()
    targets = signal(inputs) + drawn[:, FEATURES]
    return Arrays(inputs=inputs, labels=targets.astype(np.float32))


def signal(inputs: Inputs) -> npt.NDArray[np.float64]:
    """The targets ``(N,)`` without noise."""
    x1, x2, x3, x4, x5 = inputs[:, :5].T.astype(np.float64)
    return np.asarray(10 * np.sin(np.pi * x1 * x2) + 20 * (x3 - 0.5) ** 2 + 10 * x4 + 5 * x5)


def _fill(rng: np.random.Generator, out: npt.NDArray[np.float32]) -> Labels:
    """Features, and in the last column the noise; the labels are not used."""
    out[:, :FEATURES] = rng.random((CHUNK, FEATURES), dtype=np.float32)
    out[:, FEATURES] = rng.standard_normal(CHUNK)
    return np.zeros(CHUNK, np.int64)


DATASET = Dataset(
    name="friedman1",
    title="Friedman #1",
    source="generated as in Friedman: Multivariate Adaptive Regression Splines, Annals of Statistics 1991",
    licence="none needed (generated)",
    input_shape=(FEATURES,),
    class_names=(),
    scaling="feature",
    train_size=4_000,
    validation_size=1_000,
    test_size=5_000,
    draw=draw,
    task="regression",
    target_name="y",
    irrelevant=tuple(range(5, FEATURES)),
)
