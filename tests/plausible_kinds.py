"""Tables that are well formed and not what was meant, and what must come of them.

A kind makes a table, or a claim, from the numbers of a seeded generator, and says what must come of it: these very
values, a refusal in these words, or a note that says what is wrong with them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MISSING = (
    "",
    "NA",
    "N/A",
    "na",
    "NaN",
    "nan",
    "NaT",
    "NULL",
    "null",
    "#N/A",
    "<NA>",
    "?",
    "-",
    ".",
)
NAMES = ("ash", "birch", "cedar", "elm")


@dataclass(kw_only=True)
class Table:
    """Rows as a user has them, and how they are written to a file."""

    header: list[str]
    rows: list[list[str]]
    spec: dict[str, Any] = field(default_factory=dict)
    write: dict[str, Any] = field(default_factory=dict)  # of csv.writer
    encoding: str = "utf-8"
    after: str = ""
    headless: bool = False

    def column(self, name: str) -> list[str]:
        return [row[self.header.index(name)] for row in self.rows]

    def add(self, name: str, values: Sequence[object], *, at: int = 0) -> None:
        self.header.insert(at, name)
        for row, value in zip(self.rows, values, strict=True):
            row.insert(at, str(value))

    def set(self, row: int, name: str, text: str) -> None:
        self.rows[row][self.header.index(name)] = text

    def bytes(self) -> bytes:
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n", **self.write)
        writer.writerows(self.rows if self.headless else [self.header, *self.rows])
        return (file.getvalue() + self.after).encode(self.encoding)


Draw = np.random.Generator
Kind = Callable[[Table, Draw], str | None]  # changes the table; returns words of what must be said
RIGHT: dict[str, Kind] = {}
NOTED: dict[str, Kind] = {}
REFUSED: dict[str, Kind] = {}


def kind(of: dict[str, Kind]) -> Callable[[Kind], Kind]:
    def add(function: Kind) -> Kind:
        of[function.__name__] = function
        return function

    return add


def table(draw: Draw) -> Table:
    """Two to four classes, three to five columns of numbers, the target anywhere."""
    count, classes, width = (
        int(draw.integers(40, 120)),
        int(draw.integers(2, 5)),
        int(draw.integers(3, 6)),
    )
    values = draw.normal(size=(count, width)) * 10.0 ** draw.integers(-2, 4, size=width)
    rows = [[f"{value:.6g}" for value in row] for row in values]
    made = Table(header=[f"x{n}" for n in range(width)], rows=rows)
    made.add(
        "kind",
        draw.permutation([NAMES[n % classes] for n in range(count)]),
        at=int(draw.integers(0, width)),
    )
    return made


def some(draw: Draw, made: Table) -> int:
    return int(draw.integers(len(made.rows)))


# --- what is read as it is meant


@kind(RIGHT)
def nothing_is_wrong(made: Table, draw: Draw) -> None:
    pass


@kind(RIGHT)
def another_separator_that_is_named(made: Table, draw: Draw) -> None:
    separator = str(draw.choice([";", "\t", "|"]))
    made.write, made.spec = {"delimiter": separator}, {"separator": separator}


@kind(RIGHT)
def every_cell_is_quoted(made: Table, draw: Draw) -> None:
    made.write = {"quoting": csv.QUOTE_ALL}


@kind(RIGHT)
def a_byte_order_mark(made: Table, draw: Draw) -> None:
    made.encoding = "utf-8-sig"


@kind(RIGHT)
def blank_lines_at_the_end(made: Table, draw: Draw) -> None:
    made.after = "\n" * int(draw.integers(1, 5))


@kind(RIGHT)
def columns_in_another_order(made: Table, draw: Draw) -> None:
    order = draw.permutation(len(made.header))
    made.header, made.rows = (
        [made.header[n] for n in order],
        [[row[n] for n in order] for row in made.rows],
    )
    made.spec = {"features": sorted(set(made.header) - {"kind"})}


@kind(RIGHT)
def classes_that_are_numbers(made: Table, draw: Draw) -> None:
    for row in range(len(made.rows)):
        made.set(row, "kind", str(row % 12 + 1))


@kind(RIGHT)
def spaces_around_cells(made: Table, draw: Draw) -> None:
    made.rows = [[f" {cell}  " for cell in row] for row in made.rows]


@kind(RIGHT)
def a_huge_or_tiny_scale(made: Table, draw: Draw) -> None:
    unit = 10.0 ** int(draw.choice([-30, -26, 20, 25]))
    made.add("scaled", [f"{value:.9g}" for value in draw.normal(size=len(made.rows)) * unit])


@kind(RIGHT)
def a_large_offset(made: Table, draw: Draw) -> None:
    offset = 10.0 ** int(draw.integers(8, 12))
    made.add("moved", [f"{offset + value:.17g}" for value in draw.normal(size=len(made.rows))])


# --- what is read, and said


@kind(NOTED)
def row_numbers_with_a_name(made: Table, draw: Draw) -> str:
    made.add("number", range(int(draw.integers(0, 2)), len(made.rows) + 9)[: len(made.rows)])
    return "'number' counts the rows"


@kind(NOTED)
def numbers_ordered_by_class(made: Table, draw: Draw) -> str:
    order = np.argsort(made.column("kind"), kind="stable")
    ids = np.sort(draw.choice(10_000, size=len(order), replace=False))
    values = np.empty(len(order), int)
    values[order] = ids
    made.add("id", values)
    return "'id' is another whole number in each row, ordered by class"


@kind(NOTED)
def numbers_within_groups(made: Table, draw: Draw) -> str:
    made.add("within", [n % 20 for n in range(len(made.rows))])
    return "'within' counts up again and again"


@kind(NOTED)
def a_key_by_its_name(made: Table, draw: Draw) -> str:
    name = str(draw.choice(["ID", "patient_id", "case.no", "PatientID", "docno", "Index"]))
    made.add(name, draw.integers(1, 500, size=len(made.rows)))
    return f"{name!r} has whole numbers and the name of a row's number or key"


@kind(NOTED)
def a_constant_column(made: Table, draw: Draw) -> str:
    made.add("year", [2000 + some(draw, made)] * len(made.rows))
    return "'year' is constant"


@kind(NOTED)
def the_target_as_a_code(made: Table, draw: Draw) -> str:
    codes = dict(zip(sorted(set(made.column("kind"))), draw.permutation(9).tolist(), strict=False))
    made.add("code", [codes[name] for name in made.column("kind")])
    return "'code' alone tells what is to be predicted"


@kind(NOTED)
def a_column_twice(made: Table, draw: Draw) -> str:
    made.add("again", made.column("x0"))
    return "has the same values as"


@kind(NOTED)
def classes_that_differ_in_capitals(made: Table, draw: Draw) -> str:
    made.set(0, "kind", "Ash"), made.set(1, "kind", "Ash"), made.set(2, "kind", "Ash")
    return "'Ash' and 'ash' differ in how they are written alone"


@kind(NOTED)
def rows_that_were_copied(made: Table, draw: Draw) -> str:
    made.rows += [list(made.rows[some(draw, made)]) for _ in range(int(draw.integers(3, 30)))]
    return "samples have the inputs of another one"


@kind(NOTED)
def a_code_for_a_missing_value(made: Table, draw: Draw) -> str:
    made.add("age", [f"{value:.3f}" for value in draw.normal(40, 5, size=len(made.rows))])
    for row in draw.choice(len(made.rows), size=5, replace=False):
        made.set(int(row), "age", "-999")
    return "'age' has -999 in 5 rows"


@kind(NOTED)
def a_file_sorted_by_class(made: Table, draw: Draw) -> str:
    made.rows.sort(key=lambda row: row[made.header.index("kind")])
    return "sorted by class"
