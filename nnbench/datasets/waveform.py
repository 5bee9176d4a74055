"""Breiman's waveform signals, drawn anew for each seed: mixtures of two of three triangular waves, and noise.

Breiman, Friedman, Olshen, Stone: Classification and Regression Trees (1984), section 2.6.2. A class is a pair
of waves; their shares u and 1 - u are uniform, and each of the 21 values has standard normal noise. No
classifier can be right in more than about 86 % (the Bayes rate).
"""

from functools import partial

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Dataset, Labels
from nnbench.datasets.streams import CHUNK, draw_chunks

LENGTH = 21
_PEAKS = np.array([[10], [14], [6]])  # the points 11, 15 and 7, counted from 1
WAVES = np.maximum(6.0 - np.abs(np.arange(LENGTH) - _PEAKS), 0.0)
PAIRS = np.array([[0, 1], [0, 2], [1, 2]])  # of each class


def _fill(rng: np.random.Generator, out: npt.NDArray[np.float32]) -> Labels:
    """Signals ``(CHUNK, 21)``, and the pair of waves ``(CHUNK,)`` that each is made of."""
    labels = rng.integers(0, len(PAIRS), CHUNK)
    first, second = WAVES[PAIRS[labels]].swapaxes(0, 1)
    share = rng.random((CHUNK, 1))
    out[:] = share * first + (1.0 - share) * second + rng.standard_normal(out.shape)
    return labels


DATASET = Dataset(
    name="waveform",
    title="Waveforms",
    source="generated as in Breiman, Friedman, Olshen, Stone: Classification and Regression Trees, 1984",
    licence="none needed (generated)",
    input_shape=(LENGTH,),
    class_names=("waves 1 and 2", "waves 1 and 3", "waves 2 and 3"),
    scaling="global",
    train_size=4_000,
    validation_size=1_000,
    test_size=5_000,
    draw=partial(draw_chunks, "waveform", (LENGTH,), _fill),
)
