"""Tables whose values say which sample and which input they are of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from numbered_samples import KINDS

from nnbench.datasets.base import Arrays, Dataset, Stream

FEATURES = 5
OFFSETS = 1000 * np.arange(FEATURES, dtype=np.float32)  # of an input: more than there are samples


def _wide(arrays: Arrays) -> Arrays:
    inputs: npt.NDArray[np.float32] = np.asarray(arrays.inputs + OFFSETS, np.float32)
    return Arrays(inputs=inputs, labels=arrays.labels)


def wide(kind: str, task: Any = "classification") -> Dataset:
    """The numbered samples, each number with the offset of its input added."""
    plain = KINDS[kind](task)
    if plain.draw is None:
        numbers = plain.load
        assert numbers is not None
        pools = numbers(None, False)
        both = replace(pools, trainval=_wide(pools.trainval), test=_wide(pools.test))
        return replace(plain, input_shape=(FEATURES,), load=lambda _folder, _download: both)
    drawn = plain.draw

    def draw(n: int, *, seed: int, stream: Stream) -> Arrays:
        return _wide(drawn(n, seed=seed, stream=stream))

    return replace(plain, input_shape=(FEATURES,), draw=draw)
