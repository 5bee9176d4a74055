"""Seeded, nested draws: samples come in chunks, each from its own generator.

A chunk's generator is keyed by dataset, seed, stream and the chunk's index, so a set of 10,000 samples is the
beginning of the set of 1,000,000, and no two streams share random numbers.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import STREAMS, Arrays, Labels, Stream
from nnbench.errors import NnbenchError

# Samples per chunk. 1,000 signals of 72 float32 are 288 kB, so the few arrays of a chunk roughly fit
# in the L2 cache. The number is part of the data's identity: another one gives different samples.
CHUNK = 1_000

Fill = Callable[[np.random.Generator, npt.NDArray[np.float32]], Labels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a stream of samples depends on; NnbenchError for a negative seed or an unknown stream."""

    dataset: str
    seed: int
    stream: Stream

    def __post_init__(self) -> None:
        if self.stream not in STREAMS:
            what, allowed = f"dataset {self.dataset!r}: unknown stream", ", ".join(STREAMS)
            todo = "name one of these"
            raise NnbenchError(what, got=repr(self.stream), allowed=allowed, todo=todo)
        if self.seed < 0:
            what = f"dataset {self.dataset!r}: negative seed"
            raise NnbenchError(what, got=self.seed, allowed=">= 0", todo="choose another seed")

    def generator(self, chunk: int) -> np.random.Generator:
        """The generator of one chunk, independent of all others."""
        spawn_key = (zlib.crc32(self.dataset.encode()), STREAMS.index(self.stream), chunk)
        sequence = np.random.SeedSequence(self.seed, spawn_key=spawn_key)
        return np.random.Generator(np.random.SFC64(sequence))


def draw_chunks(n: int, *, key: Key, input_shape: tuple[int, ...], fill: Fill) -> Arrays:
    """Draw the first ``n`` samples of a stream; NnbenchError if ``n`` is less than 1.

    ``fill`` writes one chunk's inputs ``(CHUNK, *input_shape)`` in place and returns its labels.
    """
    if n < 1:
        what = f"dataset {key.dataset!r}: number of samples"
        raise NnbenchError(what, got=n, allowed=">= 1", todo="ask for one sample or more")
    inputs = np.empty((n, *input_shape), np.float32)
    labels = np.empty(n, np.int64)
    for chunk, start in enumerate(range(0, n, CHUNK)):
        wanted = inputs[start : start + CHUNK]
        drawn = np.empty((CHUNK, *input_shape), np.float32)
        labels[start : start + CHUNK] = fill(key.generator(chunk), drawn)[: len(wanted)]
        wanted[:] = drawn[: len(wanted)]
    return Arrays(inputs=inputs, labels=labels)


def draw_coin_flips(name: str, features: int, n: int, *, seed: int, stream: Stream) -> Arrays:
    """Draw (n, features) float32 uniform in [0, 1), and n fair coin flips; errors as in ``draw_chunks``."""
    key = Key(dataset=name, seed=seed, stream=stream)
    return draw_chunks(n, key=key, input_shape=(features,), fill=_fill_coin_flips)


def _fill_coin_flips(rng: np.random.Generator, out: npt.NDArray[np.float32]) -> Labels:
    rng.random(out=out, dtype=np.float32)
    return rng.integers(0, 2, CHUNK)
