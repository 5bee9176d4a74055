"""A user's own table: a CSV file with a header, a column to predict and columns to predict it from.

Classes are texts, in sorted order. Features are numbers. Blank lines are skipped, and spaces around
the text of a cell are ignored.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nnbench.datasets.base import Arrays, Task
from nnbench.datasets.own.common import OwnData, Samples, first_few
from nnbench.errors import NnbenchError, unknown_name

LARGEST = float(np.finfo(np.float32).max)

Table = list[tuple[int, list[str]]]  # (line of the file, cells without spaces around them)


class CsvData(OwnData):
    """A table in a CSV file (UTF-8, with a header)."""

    format: Literal["csv"]
    target: str
    """The column to predict."""
    features: tuple[str, ...] = ()
    """The columns to predict it from; (): all others."""
    task: Task = "classification"
    target_unit: str = ""
    """Regression: the unit of the target."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","


def read_csv(spec: CsvData, path: Path) -> Samples:
    """Read inputs ``(N, features)`` float32 and classes or targets.

    Raises:
        NnbenchError: The file is no CSV with the columns named, or cells are empty or not numbers.
    """
    header, table = _read_table(spec, path)
    features = _features(spec, header)
    numeric = features if spec.task == "classification" else [*features, spec.target]
    columns = dict(zip(header, zip(*(row for _, row in table), strict=True), strict=True))
    texts = {name: columns[name] for name in [*features, spec.target]}
    numbers = {name: [_number(text) for text in texts[name]] for name in numeric}
    _check_cells(table, texts, numbers)
    arrays = {name: np.array(values, np.float32) for name, values in numbers.items()}
    inputs = np.stack([arrays[name] for name in features], axis=1)
    if spec.task == "regression":
        train = Arrays(inputs=inputs, labels=arrays[spec.target])
        return Samples(train=train, test=None, class_names=())
    class_names, labels = np.unique(np.array(texts[spec.target], object), return_inverse=True)
    train = Arrays(inputs=inputs, labels=labels.astype(np.int64))
    return Samples(train=train, test=None, class_names=tuple(class_names.tolist()))


def _read_table(spec: CsvData, path: Path) -> tuple[list[str], Table]:
    """The header and all rows, each as long as the header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(csv.reader(file, delimiter=spec.separator, strict=True)))
    except (csv.Error, ValueError, TypeError, OSError) as error:  # some separators are a TypeError
        todo = "save it as CSV in UTF-8"
        raise NnbenchError("cannot be read as CSV", got=error, todo=todo) from error
    if len(rows) < 2:
        got = f"{len(rows)} lines with content"
        raise NnbenchError("has no rows", got=got, todo="give it a header and rows below it")
    (_, header), table = rows[0], rows[1:]
    if twice := sorted(name for name, count in Counter(header).items() if count > 1):
        todo = "give each column a name of its own"
        raise NnbenchError("columns have the same name", got=twice, todo=todo)
    if odd := [f"line {line}: {len(row)}" for line, row in table if len(row) != len(header)]:
        raise NnbenchError(
            f"{len(odd)} rows have another number of cells than the header",
            got=first_few(odd),
            allowed=f"{len(header)} cells",
            todo="correct these rows, or set `separator`",
        )
    return header, table


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        if row:
            line: int = reader.line_num  # type: ignore[attr-defined]  # a csv reader counts lines
            yield line, [cell.strip() for cell in row]


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


def _check_cells(
    table: Table, texts: Mapping[str, Sequence[str]], numbers: Mapping[str, list[float | None]]
) -> None:
    bad = [
        f"line {line}, column {name!r}: {repr(column[row]) if column[row] else 'empty'}"
        for row, (line, _) in enumerate(table)
        for name, column in texts.items()
        if (numbers[name][row] is None if name in numbers else not column[row])
    ]
    if bad:
        any_text = "" if len(numbers) == len(texts) else "; any text as a class"
        raise NnbenchError(
            f"{len(bad)} cells are empty or no usable number",
            got=first_few(bad),
            allowed=f"numbers as in -1.5e3{any_text}",
            todo="fill in or remove these rows; name `features` to leave out columns of text",
        )


def _number(text: str) -> float | None:
    """A finite number that float32 can hold, or None; Python's ``1_000`` is none."""
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        return None
    return value if abs(value) <= LARGEST else None
