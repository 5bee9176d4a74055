"""Scores of single samples as text, so that they are part of a record: base64 of float16 losses, bits and int32.

A float16 has three digits, far more than one sample's loss means. The means in the record are exact and do not come from here.
"""

import base64

import numpy as np
import numpy.typing as npt

LOSS, GROUP = np.dtype("<f2"), np.dtype("<i4")
_LARGEST = float(np.finfo(LOSS).max)  # 65504


def packed_losses(losses: npt.NDArray[np.floating]) -> str:
    """The losses (m,) of one run; what float16 cannot express becomes its largest number."""
    bounded = np.clip(np.nan_to_num(losses, nan=_LARGEST), -_LARGEST, _LARGEST)
    return base64.b64encode(bounded.astype(LOSS).tobytes()).decode()


def packed_hits(hits: npt.NDArray[np.bool_]) -> str:
    """Whether each sample (m,) was a hit in one run: eight to a byte, the first in its highest bit."""
    return base64.b64encode(np.packbits(hits).tobytes()).decode()


def losses_in(text: str) -> npt.NDArray[np.float64]:
    """The losses (m,) that ``packed_losses`` packed."""
    return np.frombuffer(base64.b64decode(text), LOSS).astype(np.float64)


def hits_in(text: str, count: int) -> npt.NDArray[np.float64]:
    """The ``count`` hits that ``packed_hits`` packed, as 1 and 0."""
    bits = np.frombuffer(base64.b64decode(text), np.uint8)
    return np.unpackbits(bits, count=count).astype(np.float64)


def packed_groups(groups: npt.NDArray[np.int64]) -> str:
    """The number (m,) of each sample's group, counted from 0."""
    return base64.b64encode(
        np.unique(groups, return_inverse=True)[1].astype(GROUP).tobytes()
    ).decode()


def groups_in(text: str) -> npt.NDArray[np.int64]:
    """The numbers (m,) that ``packed_groups`` packed."""
    return np.frombuffer(base64.b64decode(text), GROUP).astype(np.int64)
