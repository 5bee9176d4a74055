"""What the columns of a table tell about themselves: which of them are no knowledge."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Labels, Targets

CODES = (-9999.0, -999.0, -99.0, 999.0, 9999.0)  # that stand for a missing value in many tables
FAR = 3.0  # ranges of all other values
MOSTLY = 0.9  # of the steps from one row to the next
KEYS = r"id|index|idx|row|rownum|rowname|no|nr|obs|case|serial|key"
NUMBERS = re.compile(
    rf"(.*[\W_])?({KEYS})|.*[a-z](ID|Id|No)|(case|doc|patient|record|sample|subject|user)(id|no|nr)"
)
Column = npt.NDArray[np.float32]


def column_notes(
    inputs: npt.NDArray[np.float32], names: Sequence[str], labels: Labels | Targets
) -> Iterator[str]:
    """A sentence for each column that says nothing, or more than a measurement can."""
    for index, name in enumerate(names):
        if found := _about(inputs[:, index], labels) or _by_name(name, inputs[:, index]):
            yield f"column {name!r} {found}"
    yield from _copies(inputs, names)


def _about(column: Column, labels: Labels | Targets) -> str | None:
    if (column == column[0]).all():
        return f"is constant ({column[0]:g}), so that nothing can be learned from it"
    if counted := _counted(column):
        return counted
    if _tells_all(column, labels):
        return "alone tells what is to be predicted in every row: it may be its code"
    if how := _numbers_rows(column, labels):
        return f"is another whole number in each row, {how}: it may be a row's number"
    if code := _code(column):
        return (
            f"has {code:g} in {(column == code).sum()} rows, far from all other values: "
            "it may stand for a missing value"
        )
    return None


def _counted(column: Column) -> str | None:
    """What a column counts whose values go on by one, from every row or from most rows to the next."""
    steps = np.diff(column)
    if len(steps) > 1 and (np.abs(steps) == 1).all() and _distinct(column):
        return "counts the rows: it is no feature, unless the order of the rows is what is measured"
    if len(steps) > 9 and max((steps == 1).mean(), (steps == -1).mean()) >= MOSTLY:
        return "counts up again and again: it may number the rows of groups"
    return None


def _by_name(name: str, column: Column) -> str | None:
    """Whole numbers of a column whose name says that they stand for something else."""
    whole = bool((column == np.round(column)).all())
    if not whole or not any(map(NUMBERS.fullmatch, (name, name.lower()))):
        return None
    return "has whole numbers and the name of a row's number or key: it may be no measurement"


def _distinct(column: Column) -> bool:
    return len(np.unique(column)) == len(column)


def _numbers_rows(column: Column, labels: Labels | Targets) -> str | None:
    """How whole numbers, each once, may number the rows: one run for each class, or hardly a gap."""
    if not (column == np.round(column)).all() or not _distinct(column):
        return None
    changes = int((np.diff(labels[np.argsort(column)]) != 0).sum())
    if labels.dtype == np.int64 and changes == len(np.unique(labels)) - 1:
        return "ordered by class"
    return "with few left out" if float(np.ptp(column)) < 2 * len(column) else None


def _tells_all(column: Column, labels: Labels | Targets) -> bool:
    """Whether values stand for classes one by one, or lie on a line with the numbers to predict."""
    if labels.dtype == np.int64:
        pairs = len(np.unique(np.column_stack([column, labels]), axis=0))
        return pairs == len(np.unique(column)) == len(np.unique(labels))
    both = np.asarray(np.corrcoef(column.astype(np.float64), labels.astype(np.float64)))
    return bool(abs(both[0, 1]) > 1 - 1e-9)


def _code(column: Column) -> float | None:
    for code in CODES:
        others = column[column != code]
        if 0 < len(others) < len(column) and _far(code, others):
            return code
    return None


def _far(code: float, others: Column) -> bool:
    low, high = float(others.min()), float(others.max())
    return not low - FAR * (high - low) <= code <= high + FAR * (high - low)


def _copies(inputs: npt.NDArray[np.float32], names: Sequence[str]) -> Iterator[str]:
    seen: dict[bytes, str] = {}
    for name, column in zip(names, inputs.T, strict=True):
        first = seen.setdefault(column.tobytes(), name)
        if first != name and not (column == column[0]).all():
            yield f"column {name!r} has the same values as {first!r}"
