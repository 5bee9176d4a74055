"""Samples that belong together: they are counted, named, and on demand never divided by the split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_cases import csv_data, npz_arrays, npz_data, pools_of, refused

from nnbench.datasets.own.description import dataset_at
from nnbench.datasets.own.groups import equal_inputs, joined, share_groups
from nnbench.datasets.own.look import notes_of


def coin_flips(copies: int, *, columns: str = "") -> str:
    """Labels that nothing tells, each row ``copies`` times."""
    rng = np.random.default_rng(3)
    rows = [
        f"{rng.normal():.5f},{rng.normal():.5f},{'ab'[n % 2]}{columns and f',{n // 4}'}"
        for n in range(100)
    ]
    return "\n".join([f"x,y,kind{columns}", *rows * copies]) + "\n"


def rows_of(inputs: np.ndarray) -> set[tuple[float, ...]]:
    return set(map(tuple, inputs.tolist()))


def test_duplicates_are_counted_within_the_data_and_across_the_split(tmp_path: Path) -> None:
    path = csv_data(tmp_path, coin_flips(2))
    pools = pools_of(dataset_at(path))
    outside = rows_of(pools.trainval.inputs)
    across = sum(tuple(row) in outside for row in pools.test.inputs.tolist())
    assert across > 20
    (note,) = notes_of(path)
    assert note == (
        "200 of 200 samples have the inputs of another one; "
        f"{across} of the 60 test samples have them of one outside the test set "
        "(duplicates: keep together splits by groups)"
    )


def test_duplicates_with_other_labels_are_counted(tmp_path: Path) -> None:
    text = coin_flips(1)
    first = text.splitlines()[1]
    (note,) = notes_of(csv_data(tmp_path, text + first.replace(",a", ",b") + "\n"))
    assert note.startswith("2 of 101 samples have the inputs of another one; ")
    assert note.endswith("; 2 share them with another label")


@pytest.mark.parametrize("copies", [2, 3, 7])
@pytest.mark.parametrize("seed", [0, 1])
def test_duplicates_are_kept_together(copies: int, seed: int, tmp_path: Path) -> None:
    path = csv_data(tmp_path, coin_flips(copies), duplicates="keep together", split_seed=seed)
    dataset = dataset_at(path)
    pools = pools_of(dataset)
    assert not rows_of(pools.trainval.inputs) & rows_of(pools.test.inputs)
    assert 0.2 < dataset.test_size / (100 * copies) <= 0.3
    assert abs(np.diff(np.bincount(pools.test.labels))[0]) <= copies
    (note,) = notes_of(path)
    assert f"0 of the {dataset.test_size} test samples have them" in note
    assert "keep together" not in note


def test_arrays_keep_duplicates_together_as_well(tmp_path: Path) -> None:
    once = npz_arrays(20)
    arrays = {name: np.concatenate([values] * 3) for name, values in once.items()}
    pools = pools_of(dataset_at(npz_data(tmp_path, arrays, duplicates="keep together")))
    assert not rows_of(pools.trainval.inputs) & rows_of(pools.test.inputs)
    part = {"test_inputs": once["inputs"], "test_labels": once["labels"]}
    path = npz_data(tmp_path, part, duplicates="keep together")
    refused("duplicates: the data have a test set of their own", path)


def test_a_column_names_what_belongs_together_and_is_no_feature(tmp_path: Path) -> None:
    text = coin_flips(1, columns=",patient")
    dataset = dataset_at(csv_data(tmp_path, text, group="patient"))
    assert dataset.input_shape == (2,)
    pools = pools_of(dataset)
    patient = {line.split(",")[0]: line.split(",")[3] for line in text.splitlines()[1:]}
    sides = [
        {patient[f"{x:.5f}"] for x in part.inputs[:, 0]} for part in (pools.trainval, pools.test)
    ]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == 25


def test_groups_and_duplicates_are_joined() -> None:
    groups = joined(np.array([0, 0, 1, 1, 2, 3]), np.array([0, 1, 1, 2, 3, 4]))
    assert len(set(groups[:4])) == 1
    assert len(set(groups)) == 3


def test_a_regression_is_divided_by_groups() -> None:
    groups = np.arange(100) // 5
    pool, test = share_groups(
        np.linspace(0, 1, 100, dtype=np.float32), groups, test_share=0.3, seed=0
    )
    assert len(test) == 30
    assert sorted([*pool, *test]) == list(range(100))
    assert not set(groups[pool]) & set(groups[test])


def test_a_group_that_holds_a_class_alone_is_refused(tmp_path: Path) -> None:
    rows = [f"{n},{'ab'[n % 2]},{'one' if n % 2 else n}" for n in range(40)]
    path = csv_data(tmp_path, "\n".join(["x,kind,who", *rows]) + "\n", group="who")
    refused("leave a class out...class 1: 0 samples for the test, 20 for the rest", path)


def test_a_class_of_two_large_groups_still_reaches_both_sides(tmp_path: Path) -> None:
    rows = [f"{n},{'ab'[n % 2]},{n % 4 if n % 2 else f'own {n}'}" for n in range(40)]
    path = csv_data(tmp_path, "\n".join(["x,kind,who", *rows]) + "\n", group="who")
    assert np.bincount(pools_of(dataset_at(path)).test.labels).tolist() == [6, 10]


def test_equal_inputs_are_equal_numbers_not_bytes() -> None:
    groups = equal_inputs(np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 2.0]], np.float32))
    assert groups[0] == groups[1] != groups[2]
