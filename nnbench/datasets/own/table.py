"""A user's own table: a CSV file with a header, a column to predict and columns to predict it from.

Classes are texts, in sorted order, or in that of their values if all of them are numbers. Features are numbers.
Blank lines are skipped, and spaces around the text of a cell are ignored.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from nnbench.datasets.base import Labels, Rows, Targets, Task
from nnbench.datasets.own.classes import MISSING, is_missing, numbered
from nnbench.datasets.own.common import OwnData, Samples, first_few
from nnbench.datasets.own.precision import moved, targets
from nnbench.datasets.own.rows import Table, as_number, read_table
from nnbench.errors import NnbenchError, unknown_name

LONGEST_LINE = 200
LARGEST = float(np.finfo(np.float32).max)
# what pandas calls a column without a name
NAMELESS = re.compile(r"(Unnamed: \d+)?")
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")


def _tab(text: object) -> object:
    return "\t" if text in ("\\t", "tab") else text


class CsvData(OwnData):
    """A table in a CSV file (UTF-8, with a header)."""

    format: Literal["csv"]
    target: str  # the column to predict
    features: tuple[str, ...] = ()  # the columns to predict it from; (): all others
    group: str | None = None  # a column, no feature: rows of the same text there are kept together
    missing: tuple[str, ...] = MISSING  # texts that stand for a missing value, and are no class
    rename: Mapping[str, str] = {}  # classes by the text in the table; two may become one
    task: Task = "classification"
    target_unit: str = ""  # of a regression
    # ``\\t`` and ``tab`` are the tabulator
    separator: Annotated[str, BeforeValidator(_tab), Field(min_length=1, max_length=1)] = ","

    def samples(self, path: Path) -> Samples:
        """Inputs ``(N, features)`` float32, and classes or targets.

        Raises NnbenchError if the file is no CSV with the columns named, cells are empty or no numbers, or
        float32 cannot hold what tells them apart.
        """
        header, table = read_table(path, separator=self.separator)
        features = _features(self, header)
        _check_names(features, table)
        _check_cells(self, table, features)
        wide = np.array([[float(cells[name]) for name in features] for _, cells in table])
        inputs, notes = moved(wide, features, one_scale=self.scaling == "global")
        values = [cells[self.target] for _, cells in table]
        names: tuple[str, ...] = ()
        labels: Labels | Targets
        if self.task == "classification":
            names, labels = numbered(values, self.rename)
        else:
            labels = targets(np.array(values, np.float64), self.target)
        return Samples(
            input_shape=(len(features),),
            class_names=names,
            labels=[labels],
            target=(self.target, self.target_unit),
            read=lambda: [inputs],
            columns=tuple(features),
            groups=_groups(self.group, table),
            notes=notes,
        )


def _groups(column: str | None, table: Table) -> Rows | None:
    if column is None:
        return None
    texts = np.array([cells[column] for _, cells in table], object)
    groups: Rows = np.unique(texts, return_inverse=True)[1].astype(np.int64)
    return groups


def _features(spec: CsvData, header: Sequence[str]) -> list[str]:
    """The features' names, all of them in the header and none of them the target."""
    named = [("target", spec.target), *(("features", name) for name in spec.features)]
    for key, name in [*named, *([("group", spec.group)] if spec.group is not None else [])]:
        if name not in header:
            raise unknown_name(f"{key} names no column", name, header)
    if spec.target in spec.features:
        todo = "remove it from `features`: it is what is to be predicted"
        raise NnbenchError("the target is among the features", got=spec.target, todo=todo)
    if spec.group is not None and spec.group in (spec.target, *spec.features):
        todo = "name another column: a group says which rows belong together, and nothing else"
        raise NnbenchError("the group is the target or a feature", got=spec.group, todo=todo)
    others = [name for name in header if name not in (spec.target, spec.group)]
    features = list(spec.features) or others
    if not features:
        got = f"only the target {spec.target!r}"
        raise NnbenchError("has no features", got=got, todo="add columns")
    if len(set(features)) < len(features):
        raise NnbenchError("features name a column twice", got=features, todo="remove one")
    return features


def _check_names(features: Sequence[str], table: Table) -> None:
    """NnbenchError for features without a name: mostly they are the numbers of the rows."""
    nameless = [name for name in features if NAMELESS.fullmatch(name)]
    if nameless:
        first = [cells[nameless[0]] for _, cells in table[:3]]
        raise NnbenchError(
            "a column has no name, as the numbers of the rows have that R and pandas write",
            got=f"{', '.join(map(repr, nameless))}, which begins with {', '.join(first)}",
            todo="name it in the header if it says something, or leave it out"
            + _by_features([name for name in features if name not in nameless]),
        )


def _by_features(names: Sequence[str]) -> str:
    """The line to write into the YAML file, if it is not too long."""
    written = json.dumps(names, ensure_ascii=False)
    return f": features: {written}" if len(written) < LONGEST_LINE else " by `features`"


def _check_cells(spec: CsvData, table: Table, features: Sequence[str]) -> None:
    classes = spec.task == "classification"
    bad = [
        f"line {line}, column {name!r}: {repr(cells[name]) if cells[name] else 'empty'}"
        for line, cells in table
        for name in (*features, spec.target, *filter(None, [spec.group]))
        if not _is_usable(spec, name, cells)
    ]
    if bad:
        raise NnbenchError(
            f"{len(bad)} cells are empty, missing or no usable number",
            got=first_few(bad),
            allowed=f"numbers as in -1.5e3{'; any text as a class' if classes else ''}",
            todo=_advice(spec, table, features),
        )


def _is_usable(spec: CsvData, name: str, cells: Mapping[str, str]) -> bool:
    text = cells[name]
    if name == spec.group or (name == spec.target and spec.task == "classification"):
        return not is_missing(text, spec.missing)
    value = as_number(text)
    return value is not None and abs(value) <= LARGEST and text not in spec.missing


def _advice(spec: CsvData, table: Table, features: Sequence[str]) -> str:
    """What to do about cells that cannot be used, by what is in them."""
    used = [cells[name] for _, cells in table for name in features]
    if any(DECIMAL_COMMA.fullmatch(text) for text in used):
        return "write decimal points instead of commas"
    todo = "fill in or remove these rows; name `features` to leave out columns of text"
    if any(cells[spec.target] and not _is_usable(spec, spec.target, cells) for _, cells in table):
        todo += (
            "; if one of these texts is a class, list those that stand for no value as `missing`"
        )
    return todo
