"""A user's own table: a CSV file with a header, a column to predict and columns to predict it from.

Classes are texts, in sorted order. Features are numbers. Blank lines are skipped, and spaces around
the text of a cell are ignored.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nnbench.datasets.base import Labels, Task
from nnbench.datasets.own.common import OwnData, Samples, first_few
from nnbench.errors import NnbenchError, unknown_name

LARGEST = float(np.finfo(np.float32).max)

Table = list[tuple[int, dict[str, str]]]  # (line of the file, cells by column)


class CsvData(OwnData):
    """A table in a CSV file (UTF-8, with a header)."""

    format: Literal["csv"]
    target: str  # the column to predict
    features: tuple[str, ...] = ()  # the columns to predict it from; (): all others
    task: Task = "classification"
    target_unit: str = ""  # of a regression
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","

    def samples(self, path: Path) -> Samples:
        """Inputs ``(N, features)`` float32, and classes or targets.

        Raises NnbenchError if the file is no CSV with the columns named, or cells are empty or no numbers.
        """
        header, table = _read_table(path, separator=self.separator)
        features = _features(self, header)
        texts = [self.target] if self.task == "classification" else []
        _check_cells(table, used=[*features, self.target], texts=texts)
        rows = [[float(cells[name]) for name in features] for _, cells in table]
        inputs = np.array(rows, np.float32)
        targets = [cells[self.target] for _, cells in table]
        names, labels = _classes(targets) if texts else ((), np.array(targets, np.float32))
        return Samples(
            input_shape=(len(features),),
            class_names=names,
            labels=[labels],
            target=(self.target, self.target_unit),
            read=lambda: [inputs],
        )


def _classes(targets: Sequence[str]) -> tuple[tuple[str, ...], Labels]:
    names, labels = np.unique(np.array(targets, object), return_inverse=True)
    return tuple(names.tolist()), labels.astype(np.int64)


def _read_table(path: Path, *, separator: str) -> tuple[list[str], Table]:
    """The names of the columns, and all rows."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=separator, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (csv.Error, ValueError, TypeError, OSError) as error:  # some separators are a TypeError
        todo = "save it as CSV in UTF-8"
        raise NnbenchError("cannot be read as CSV", got=error, todo=todo) from error
    if len(rows) < 2:
        got = f"{len(rows)} lines with content"
        raise NnbenchError("has no rows", got=got, todo="give it a header and rows below it")
    header = rows.pop(0)[1]
    if twice := sorted(name for name, count in Counter(header).items() if count > 1):
        todo = "give each column a name of its own"
        raise NnbenchError("columns have the same name", got=twice, todo=todo)
    if odd := [f"line {line}: {len(row)}" for line, row in rows if len(row) != len(header)]:
        raise NnbenchError(
            f"{len(odd)} rows have another number of cells than the header",
            got=first_few(odd),
            allowed=f"{len(header)} cells",
            todo="correct these rows, or set `separator`",
        )
    return header, [(line, dict(zip(header, row, strict=True))) for line, row in rows]


def _features(spec: CsvData, header: Sequence[str]) -> list[str]:
    """The features' names, all of them in the header and none of them the target."""
    for key, name in [("target", spec.target), *(("features", name) for name in spec.features)]:
        if name not in header:
            raise unknown_name(f"{key} names no column", name, header)
    if spec.target in spec.features:
        todo = "remove it from `features`: it is what is to be predicted"
        raise NnbenchError("the target is among the features", got=spec.target, todo=todo)
    features = list(spec.features) or [name for name in header if name != spec.target]
    if not features:
        got = f"only the target {spec.target!r}"
        raise NnbenchError("has no features", got=got, todo="add columns")
    if len(set(features)) < len(features):
        raise NnbenchError("features name a column twice", got=features, todo="remove one")
    return features


def _check_cells(table: Table, *, used: Sequence[str], texts: Sequence[str]) -> None:
    bad = [
        f"line {line}, column {name!r}: {repr(cells[name]) if cells[name] else 'empty'}"
        for line, cells in table
        for name in used
        if not (cells[name] if name in texts else _is_number(cells[name]))
    ]
    if bad:
        raise NnbenchError(
            f"{len(bad)} cells are empty or no usable number",
            got=first_few(bad),
            allowed=f"numbers as in -1.5e3{'; any text as a class' if texts else ''}",
            todo="fill in or remove these rows; name `features` to leave out columns of text",
        )


def _is_number(text: str) -> bool:
    """Whether it is a finite number that float32 can hold; Python's ``1_000`` is none."""
    try:
        return "_" not in text and abs(float(text)) <= LARGEST
    except ValueError:
        return False
