"""Seeded, nested draws: samples come in chunks, each from its own generator.

A chunk's generator is keyed by dataset, seed, stream and the chunk's index, so a set of 10,000 samples is the
beginning of the set of 1,000,000, and no two streams share random numbers.
"""

import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import STREAMS, Arrays, Labels, Stream
from nnbench.errors import NnbenchError

# Samples per chunk. 1,000 signals of 72 float32 are 288 kB, so the few arrays of a chunk roughly fit
# in the L2 cache. The number is part of the data's identity: another one gives different samples.
CHUNK = 1_000

Fill = Callable[[np.random.Generator, npt.NDArray[np.float32]], Labels]


def draw_chunks(
    name: str, input_shape: tuple[int, ...], fill: Fill, n: int, *, seed: int, stream: Stream
) -> Arrays:
    """Draw the first ``n`` samples of a stream of the dataset ``name``.

    ``fill`` writes one chunk's inputs ``(CHUNK, *input_shape)`` in place and returns its labels. Raises
    NnbenchError for an unknown stream, a negative seed, or ``n`` less than 1.
    """
    _check_draw(f"dataset {name!r}", n, seed, stream)
    inputs = np.empty((n, *input_shape), np.float32)
    labels = np.empty(n, np.int64)
    for chunk, start in enumerate(range(0, n, CHUNK)):
        key = (zlib.crc32(name.encode()), STREAMS.index(stream), chunk)
        bits = np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key))
        wanted = inputs[start : start + CHUNK]
        drawn = np.empty((CHUNK, *input_shape), np.float32)
        labels[start : start + CHUNK] = fill(np.random.Generator(bits), drawn)[: len(wanted)]
        wanted[:] = drawn[: len(wanted)]
    return Arrays(inputs=inputs, labels=labels)


def _check_draw(where: str, n: int, seed: int, stream: Stream) -> None:
    if stream not in STREAMS:
        what, allowed, todo = f"{where}: unknown stream", ", ".join(STREAMS), "name one of these"
        raise NnbenchError(what, got=repr(stream), allowed=allowed, todo=todo)
    if seed < 0:
        what, todo = f"{where}: negative seed", "choose another seed"
        raise NnbenchError(what, got=seed, allowed=">= 0", todo=todo)
    if n < 1:
        what, todo = f"{where}: number of samples", "ask for one sample or more"
        raise NnbenchError(what, got=n, allowed=">= 1", todo=todo)
