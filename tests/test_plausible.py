"""Six hundred inputs that are well formed and not what was meant: each ends as a reader would want."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_plan import claim, planned
from own_cases import csv_data
from plausible_kinds import NOTED, RIGHT, Draw, Kind, Table, table
from plausible_refused import REFUSED

from nnbench.datasets.own.description import dataset_at, read_description
from nnbench.datasets.own.look import all_notes_of, told_of
from nnbench.datasets.prepared.store import prepare
from nnbench.errors import NnbenchError

DRAWS = 16  # of each kind


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
            kind="differs", margin=0.05, claimed=None, datasets={"wine": {}}, settings=settings,
            levels={"usual": {}, "other": level},
        )  # fmt: skip
        with pytest.raises(NnbenchError, match=words):
            planned(tmp_path, item)


def test_more_than_five_hundred_inputs_were_tried() -> None:
    assert DRAWS * sum(map(len, (RIGHT, NOTED, REFUSED, TWINS))) >= 500
