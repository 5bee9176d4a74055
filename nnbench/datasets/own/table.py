"""A user's own table: a CSV file with a header, a column to predict and columns to predict it from.

Classes are texts; their order is that of sorting. Features are numbers. Blank lines are skipped, and
spaces around a cell do not count.
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
from nnbench.datasets.own.base import Outline, OwnData, Samples, first_few, wrong_data
from nnbench.errors import unknown_name

LARGEST = float(np.finfo(np.float32).max)

Table = list[tuple[int, list[str]]]  # (line of the file, cells)


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


def outline_csv(spec: CsvData, path: Path) -> Outline:
    """What a plan needs to know; reads the whole file.

    Raises:
        NnbenchError: See ``read_csv``.
    """
    return read_csv(spec, path).outline()


def read_csv(spec: CsvData, path: Path) -> Samples:
    """Read inputs ``(N, features)`` float32 and classes or targets.

    Raises:
        NnbenchError: The file is no CSV with the columns named, or cells are empty or not numbers.
    """
    header, table = _read_table(spec, path)
    columns = _columns(spec, header, path)
    texts = spec.task == "classification"
    numeric = columns if texts else [*columns, spec.target]
    bad: list[str] = []
    places = {name: place for place, name in enumerate(header)}
    values = [_numbers(line, row, places, names=numeric, bad=bad) for line, row in table]
    labels = [row[places[spec.target]].strip() for _, row in table]
    if texts:
        bad += [_cell(table[n][0], spec.target, text) for n, text in enumerate(labels) if not text]
    if bad:
        raise wrong_data(
            path,
            f"{len(bad)} cells are empty or no usable number",
            got=first_few(bad),
            allowed="numbers as in -1.5e3" + ("; any text as a class" if texts else ""),
            todo="fill in or remove these rows; name `features` to leave out columns of text",
        )
    numbers = np.array(values, dtype=np.float32).reshape(len(table), len(numeric))
    if not texts:
        arrays = Arrays(inputs=numbers[:, :-1].copy(), labels=numbers[:, -1].copy())
        return Samples(train=arrays, test=None, class_names=())
    names = tuple(sorted(set(labels)))
    label_of = {name: label for label, name in enumerate(names)}
    index = np.array([label_of[text] for text in labels], dtype=np.int64)
    return Samples(train=Arrays(inputs=numbers, labels=index), test=None, class_names=names)


def _read_table(spec: CsvData, path: Path) -> tuple[list[str], Table]:
    """The header and all rows, each as long as the header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(csv.reader(file, delimiter=spec.separator, strict=True)))
    except (csv.Error, ValueError, TypeError, OSError) as error:  # some separators are a TypeError
        raise wrong_data(
            path, "cannot be read as CSV", got=error, todo="save it as CSV in UTF-8"
        ) from error
    if len(rows) < 2:
        got = f"{len(rows)} lines with content"
        raise wrong_data(path, "has no rows", got=got, todo="give it a header and rows below it")
    header = [cell.strip() for cell in rows[0][1]]
    if twice := sorted(name for name, count in Counter(header).items() if count > 1):
        raise wrong_data(
            path, "columns have the same name", got=twice, todo="give each column a name of its own"
        )
    _check_lengths(path, header, rows[1:])
    return header, rows[1:]


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        if row:
            yield reader.line_num, row  # type: ignore[attr-defined]  # a csv reader counts lines


def _check_lengths(path: Path, header: Sequence[str], rows: Table) -> None:
    odd = [f"line {line}: {len(row)}" for line, row in rows if len(row) != len(header)]
    if odd:
        raise wrong_data(
            path,
            f"{len(odd)} rows have another number of cells than the header",
            got=first_few(odd),
            allowed=f"{len(header)} cells",
            todo="correct these rows, or set `separator`",
        )


def _columns(spec: CsvData, header: Sequence[str], path: Path) -> list[str]:
    """The features' names, all of them in the header and none of them the target."""
    for key, name in [("target", spec.target), *(("features", name) for name in spec.features)]:
        if name not in header:
            raise unknown_name(f"{path}: {key} names no column", name, header)
    if spec.target in spec.features:
        raise wrong_data(
            path,
            "the target is among the features",
            got=spec.target,
            todo="remove it from `features`: it is what is to be predicted",
        )
    columns = list(spec.features) or [name for name in header if name != spec.target]
    if not columns:
        got = f"only the target {spec.target!r}"
        raise wrong_data(path, "has no features", got=got, todo="add columns")
    if len(set(columns)) < len(columns):
        raise wrong_data(path, "features name a column twice", got=columns, todo="remove one")
    return columns


def _numbers(
    line: int,
    row: Sequence[str],
    places: Mapping[str, int],
    *,
    names: Sequence[str],
    bad: list[str],
) -> list[float]:
    """The numbers of one row; a cell without one is described in ``bad``."""
    found = []
    for name in names:
        text = row[places[name]].strip()
        value = _number(text)
        if value is None:
            bad.append(_cell(line, name, text))
        found.append(0.0 if value is None else value)
    return found


def _number(text: str) -> float | None:
    """A finite number that float32 can hold, or None; Python's ``1_000`` is none."""
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        return None
    return value if abs(value) <= LARGEST else None


def _cell(line: int, column: str, text: str) -> str:
    return (
        f"line {line}, column {column!r}: {text!r}"
        if text
        else f"line {line}, column {column!r}: empty"
    )
