"""Numbers of a table become float32; columns that would lose what tells their rows apart are moved first.

Training standardises with statistics of its own rows, whatever a column's unit: another zero point and another
unit change nothing there, except that float32 can hold the differences.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnbench.datasets.own.common import first_few
from nnbench.errors import NnbenchError

Wide = npt.NDArray[np.float64]
COARSE = (
    2.0**12
)  # of a column's deviations: float32 has 24 bits, and a deviation shall keep half of them
SMALL, LARGE = 1e-12, 1e12  # deviations whose squares and sums are exact enough in float32


def moved(
    values: Wide, names: Sequence[str], *, one_scale: bool
) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """The columns ``(N, F)`` as float32, and a sentence about those that were moved.

    Raises NnbenchError for a column that must be moved where all share one scale.
    """
    columns, uses = values.copy(), []
    for index, name in enumerate(names):
        zero, unit = _zero_and_unit(values[:, index])
        if (zero, unit) == (0.0, 1.0):
            continue
        if one_scale:
            todo = "set scaling: feature, or change the column's unit"
            raise _too_fine(f"column {name!r}", values[:, index], todo=todo)
        columns[:, index] = (values[:, index] - zero) / unit
        uses.append(f"({name} - {zero:.9g}) / {unit:.3g}")
    note = f"float32 cannot hold the differences of {len(uses)} columns as they are; used are "
    notes = (note + first_few(uses),) if uses else ()
    return columns.astype(np.float32), notes


def check_whole(values: Wide, name: str) -> None:
    """NnbenchError if float32 cannot hold the differences of values that share one scale, as pixels do."""
    if _zero_and_unit(values) != (0.0, 1.0):
        todo = "subtract a constant from them, or choose another unit"
        raise _too_fine(name, values, todo=todo)


def targets(values: Wide, name: str) -> npt.NDArray[np.float32]:
    """The numbers to predict as float32; NnbenchError if it cannot hold their differences."""
    if _zero_and_unit(values) != (0.0, 1.0):
        todo = f"subtract a constant from {name!r}, or choose another unit"
        raise _too_fine(f"the target {name!r}", values, todo=todo)
    return values.astype(np.float32)


def _zero_and_unit(values: Wide) -> tuple[float, float]:
    """Where a column's zero and its unit are best put; 0 and 1 if float32 holds it as it is."""
    largest = float(np.abs(values).max())
    scaled = values / largest if largest else values  # squares of 1e200 are infinite
    deviation = float(scaled.std()) * largest
    if deviation <= 4 * np.finfo(np.float64).eps * largest:  # constant
        return 0.0, 1.0
    if SMALL < deviation < LARGE and largest < COARSE * deviation:
        return 0.0, 1.0
    zero = float(scaled.mean()) * largest if largest >= COARSE * deviation else 0.0
    if deviation >= 1.0:
        zero = float(round(zero))  # whole numbers stay whole, so that row numbers can be told
    return zero, deviation if not SMALL < deviation < LARGE else 1.0


def _too_fine(what: str, values: Wide, *, todo: str) -> NnbenchError:
    return NnbenchError(
        f"float32 cannot hold the differences of {what}",
        got=f"{values.min():.9g} to {values.max():.9g}",
        allowed=f"deviations from {SMALL:g} to {LARGE:g}, numbers up to {COARSE:g} of them from 0",
        todo=todo,
    )
