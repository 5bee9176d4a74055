"""Coin flips: features that say nothing about the label, so no model can beat 50 %.

A control that catches leaks. The document's example draws 1,000 x 10 uniform features with random
labels and splits off 20 %; here the training pool has those 1,000, and the test set is fresh and
large, which costs nothing for generated data.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Arrays, Dataset, Labels, Stream
from nnbench.datasets.streams import CHUNK, Key, draw_chunks

FEATURES = 10


def draw(n: int, *, seed: int, stream: Stream) -> Arrays:
    """Draw ``(n, 10)`` float32 features, uniform in [0, 1), and ``(n,)`` fair coin flips.

    Raises:
        NnbenchError: ``n`` or ``seed`` is out of range, or the stream is unknown.
    """
    key = Key(dataset="coin_flip", seed=seed, stream=stream)
    return draw_chunks(n, key=key, input_shape=(FEATURES,), fill=_fill)


def _fill(rng: np.random.Generator, out: npt.NDArray[np.float32]) -> Labels:
    rng.random(out=out, dtype=np.float32)
    return rng.integers(0, 2, CHUNK)


DATASET = Dataset(
    name="coin_flip",
    title="Coin flips",
    source="generated: uniform features, labels independent of them",
    licence="none needed (generated)",
    input_shape=(FEATURES,),
    class_names=("heads", "tails"),
    scaling="feature",
    train_size=800,
    validation_size=200,
    test_size=20_000,
    draw=draw,
)
