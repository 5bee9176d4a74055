"""What kind of input a data set has: images, signals or tables.

Apart from ``Dataset``, since cells are identified by all that trains them, and this trains nothing.
"""

from typing import Literal

from nnbench.datasets.base import Dataset

InputKind = Literal["image", "signal", "table"]
SIGNALS = frozenset(
    {"mnist1d", "waveform"}
)  # their values have an order, as those of tables have not


def input_kind(dataset: Dataset) -> InputKind:
    """``image`` of inputs (channels, height, width), ``signal`` of values in order, otherwise ``table``."""
    dimensions = len(dataset.input_shape)
    if dimensions == 3:
        return "image"
    return "signal" if dimensions == 2 or dataset.name in SIGNALS else "table"
