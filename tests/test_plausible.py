"""Five hundred inputs that are well formed and not what was meant: each ends as a reader would want.

A kind makes a table, or a claim, from the numbers of a seeded generator, and says what must come of it: these very
values, a refusal in these words, or a note that says what is wrong with them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_plan import claim, planned
from own_cases import csv_data

from nnbench.datasets.own.description import dataset_at, read_description
from nnbench.datasets.own.look import all_notes_of, told_of
from nnbench.datasets.prepared.store import prepare
from nnbench.errors import NnbenchError

DRAWS = 16  # of each kind
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


# --- what is refused


@kind(REFUSED)
def another_separator(made: Table, draw: Draw) -> str:
    made.write = {"delimiter": str(draw.choice([";", "\t", "|", " "]))}
    return "its columns seem to be separated by"


@kind(REFUSED)
def decimal_commas(made: Table, draw: Draw) -> str:
    made.write, made.spec = {"delimiter": ";"}, {"separator": ";"}
    made.rows = [[cell.replace(".", ",") for cell in row] for row in made.rows]
    made.set(0, "x0", "1,5")
    return "write decimal points instead of commas"


@kind(REFUSED)
def thousands_separators(made: Table, draw: Draw) -> str:
    made.add("price", [f"{1000 + 7 * n:,}" for n in range(len(made.rows))])
    return "column 'price': '1,000'"


@kind(REFUSED)
def row_numbers_without_a_name(made: Table, draw: Draw) -> str:
    made.add("" if draw.integers(2) else "Unnamed: 0", range(len(made.rows)))
    return "a column has no name"


@kind(REFUSED)
def a_missing_number(made: Table, draw: Draw) -> str:
    row = some(draw, made)
    made.set(row, "x1", str(draw.choice(MISSING)))
    return f"line {row + 2}, column 'x1'"


@kind(REFUSED)
def a_missing_class(made: Table, draw: Draw) -> str:
    row = some(draw, made)
    made.set(row, "kind", str(draw.choice(MISSING)))
    return f"line {row + 2}, column 'kind'"


@kind(REFUSED)
def truth_values(made: Table, draw: Draw) -> str:
    made.add(
        "open",
        draw.choice([["True", "False"], ["yes", "no"]][some(draw, made) % 2], size=len(made.rows)),
    )
    return "column 'open'"


@kind(REFUSED)
def dates(made: Table, draw: Draw) -> str:
    made.add("day", [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(len(made.rows))])
    return "column 'day': '2024-01-01'"


@kind(REFUSED)
def no_header(made: Table, draw: Draw) -> str:
    made.headless, made.spec = True, {"target": made.rows[0][made.header.index("kind")]}
    return "has no header"


@kind(REFUSED)
def a_header_twice(made: Table, draw: Draw) -> str:
    row = some(draw, made)
    made.rows.insert(row, list(made.header))
    return f"line {row + 2}, column 'x0': 'x0'"


@kind(REFUSED)
def numbers_beyond_float32(made: Table, draw: Draw) -> str:
    made.set(some(draw, made), "x0", str(draw.choice(["inf", "1e39", "-1e400", "1e999"])))
    return "column 'x0'"


@kind(REFUSED)
def names_that_look_the_same(made: Table, draw: Draw) -> str:
    for row in range(3):
        made.set(row, "kind", "ash\u200b" if draw.integers(2) else "as\u00adh")
    return "look or count the same"


@kind(REFUSED)
def a_class_of_one_row(made: Table, draw: Draw) -> str:
    made.set(some(draw, made), "kind", "yew")
    return "yew"


@kind(REFUSED)
def another_encoding(made: Table, draw: Draw) -> str:
    made.set(0, "kind", "fähre"), made.set(1, "kind", "fähre"), made.set(2, "kind", "fähre")
    made.encoding = str(draw.choice(["latin-1", "utf-16", "cp1252"]))
    return "cannot be read as CSV"


def brought(folder: Path, number: int, change: Kind) -> tuple[Table, Path, str | None]:
    draw = np.random.default_rng(number)
    made = table(draw)
    words = change(made, draw)
    path = csv_data(folder, "", **made.spec)
    (folder / "t.csv").write_bytes(made.bytes())
    return made, path, words


def standardised(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (values - values.mean(axis=0)) / values.std(axis=0)


def assert_right(made: Table, path: Path) -> None:
    """The features in their order, to within their unit and zero, and each row's class."""
    spec, data = read_description(path)
    samples = spec.samples(data)
    named = [name.strip() for name in made.header if name.strip() != "kind"]
    expected = list(made.spec.get("features", named))
    assert list(samples.columns) == expected
    read = samples.read()[0].astype(np.float64)
    values = np.array([[float(cell) for cell in made.column(name)] for name in expected]).T
    varies = values.std(axis=0) > 0
    found, wanted = (standardised(array[:, varies]) for array in (read, values))
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    names = [cell.strip() for cell in made.column("kind")]
    assert [samples.class_names[label] for label in samples.labels[0]] == names
    assert list(samples.class_names) == sorted(
        set(names), key=lambda n: (len(n), n) if n.isdigit() else (0, n)
    )


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_unusual_and_right_is_read_as_it_is_meant(name: str, tmp_path: Path) -> None:
    for number in range(DRAWS):
        made, path, _ = brought(tmp_path, number, RIGHT[name])
        assert_right(made, path)


@pytest.mark.parametrize("name", NOTED)
def test_what_may_be_no_knowledge_is_said(name: str, tmp_path: Path) -> None:
    for number in range(DRAWS):
        made, path, words = brought(tmp_path, number, NOTED[name])
        said = " ".join((*all_notes_of(path), told_of(path).order))
        assert words is not None
        assert words in said, (number, said)
        assert_right(made, path)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant_is_refused_in_words(name: str, tmp_path: Path) -> None:
    for number in range(DRAWS):
        _, path, words = brought(tmp_path, number, REFUSED[name])
        assert words is not None
        with pytest.raises(NnbenchError, match=re.escape(words)):
            prepare(dataset_at(path), tmp_path / "data", data_folder=None, download=False)


# --- claims that compare nothing

TWINS: dict[str, Callable[[Draw], tuple[dict[str, Any], str]]] = {
    "a level without effect": lambda draw: (
        {"hidden": [], **draw.choice([{"activation": "tanh"}, {"dropout": 0.5}, {"model_options": {"norm": "batch"}}])},
        "has no effect",
    ),
    "two levels alike": lambda draw: ({"lr": float(draw.choice([0.01, 1e-2, 0.010]))}, "same"),
    "a batch larger than the data": lambda draw: (
        {"batch_size": int(draw.integers(100, 10_000))}, "batch_size has no effect",
    ),
    "patience without end": lambda draw: ({"patience": int(draw.integers(3, 99))}, "patience has no effect"),
}  # fmt: skip


@pytest.mark.parametrize("name", TWINS)
def test_levels_that_are_one_training_are_refused(name: str, tmp_path: Path) -> None:
    for number in range(DRAWS):
        draw = np.random.default_rng(number)
        level, words = TWINS[name](draw)
        settings = {
            "train_for": "2 epochs",
            "train_size": 60,
            "lr": 0.01,
            "hidden": level.pop("hidden", [8]),
        }
        item = claim(
            kind="differs", claimed=None, datasets={"wine": {}}, settings=settings,
            levels={"usual": {}, "other": level},
        )  # fmt: skip
        with pytest.raises(NnbenchError, match=words):
            planned(tmp_path, item)


def test_more_than_five_hundred_inputs_were_tried() -> None:
    assert DRAWS * sum(map(len, (RIGHT, NOTED, REFUSED, TWINS))) >= 500
