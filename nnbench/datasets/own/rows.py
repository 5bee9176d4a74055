"""The rows of a CSV file, its columns told apart by a separator and named by its first line."""

import csv
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nnbench.datasets.own.common import first_few
from nnbench.errors import NnbenchError

SEPARATORS = (",", ";", "\t", "|", " ")
Table = list[tuple[int, dict[str, str]]]  # (line of the file, cells by column)


def read_table(path: Path, *, separator: str) -> tuple[list[str], Table]:
    """The names of the columns, and all rows.

    Raises NnbenchError if the file is no CSV of this separator, or its first line names no columns.
    """
    _check_separator(path, separator)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            # a quote counts after a space as well, unless spaces are what separates
            near = separator != " "
            reader = csv.reader(file, delimiter=separator, skipinitialspace=near, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (csv.Error, ValueError, TypeError, OSError) as error:  # some separators are a TypeError
        todo = "save it as CSV in UTF-8"
        raise NnbenchError("cannot be read as CSV", got=error, todo=todo) from error
    if len(rows) < 2:
        got = f"{len(rows)} lines with content"
        raise NnbenchError("has no rows", got=got, todo="give it a header and rows below it")
    first, header = rows.pop(0)
    _check_header(header, line=first)
    if odd := [f"line {line}: {len(row)}" for line, row in rows if len(row) != len(header)]:
        raise NnbenchError(
            f"{len(odd)} rows have another number of cells than the header",
            got=first_few(odd),
            allowed=f"{len(header)} cells",
            todo=f"correct these rows, or set `separator` (it is {_written(separator)} now)",
        )
    return header, [(line, dict(zip(header, row, strict=True))) for line, row in rows]


def _check_separator(path: Path, separator: str) -> None:
    """NnbenchError if the first line has none of these separators, and others instead."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            line = next((text for text in file if text.strip()), "").strip("\r\n")
    except (OSError, ValueError):
        return  # what is wrong is told where the file is read
    seen = max(SEPARATORS, key=line.count)
    if separator in line or seen not in line:
        return
    raise NnbenchError(
        f"its columns seem to be separated by {_written(seen)}, not by {_written(separator)}",
        got=f"a first line with {line.count(seen)} of the one and none of the other",
        todo=f"set separator: {_written(seen)}",
    )


def _check_header(header: Sequence[str], *, line: int) -> None:
    if _holds_values(header):
        raise NnbenchError(
            "has no header: its first line holds numbers, and would be lost as a row",
            got=f"line {line}: {first_few(header)}",
            allowed="a first line with the names of the columns",
            todo="write the names of the columns above the rows",
        )
    named = Counter(name for name in header if name)
    if twice := sorted(name for name, count in named.items() if count > 1):
        todo = "give each column a name of its own"
        raise NnbenchError("columns have the same name", got=twice, todo=todo)


def _holds_values(header: Sequence[str]) -> bool:
    """Whether names are numbers that do not count, as 0, 1, … or years do; a few may leave some out."""
    numbers = [value for name in header if (value := as_number(name)) is not None]
    many = 2 * len(numbers) >= len(header)
    if len(numbers) < 2:
        return many and numbers[0] not in (0.0, 1.0)  # pandas calls a column without a name 0
    steps = np.diff(numbers)
    return bool((steps <= 0).any() or (many and not np.allclose(steps, steps[0])))


def _written(separator: str) -> str:
    """A separator as YAML has it."""
    return '"\\t"' if separator == "\t" else f'"{separator}"'


def as_number(text: str) -> float | None:
    """The finite number that a text is; None if it is none. Python's ``1_000`` is none."""
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
