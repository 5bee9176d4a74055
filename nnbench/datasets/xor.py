"""XOR: which of the four corners of a square a point lies at, drawn anew for each seed.

The smallest problem without a linear solution (Minsky & Papert 1969). Points lie around their corner with a deviation
of a tenth of the square's side, so a network with two hidden units can bring its loss as close to 0 as it likes.
"""

from functools import partial

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Dataset, Labels
from nnbench.datasets.streams import CHUNK, draw_chunks

DEVIATION = 0.1


def _fill(rng: np.random.Generator, out: npt.NDArray[np.float32]) -> Labels:
    """Points ``(CHUNK, 2)``, and 1 for those whose corner has one coordinate of 1."""
    corners = rng.integers(0, 2, (CHUNK, 2))
    out[:] = rng.normal(corners, DEVIATION)
    return corners[:, 0] ^ corners[:, 1]


DATASET = Dataset(
    name="xor",
    title="XOR",
    source="generated: points around the corners of a square, labels by the exclusive or of the coordinates",
    licence="none needed (generated)",
    input_shape=(2,),
    class_names=("equal", "different"),
    scaling="feature",
    train_size=200,
    validation_size=100,
    test_size=5_000,
    draw=partial(draw_chunks, "xor", (2,), _fill),
)
