"""Samples that belong together: they are counted, named, and on demand never divided by the split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from own_cases import csv_data, npz_arrays, npz_data, pools_of, refused

from nnbench.datasets.apart import apart, most_left_out
from nnbench.datasets.own.description import dataset_at
from nnbench.datasets.own.groups import equal_inputs, joined, share_groups
from nnbench.datasets.own.look import notes_of
from nnbench.datasets.prepared import store
from nnbench.engine.sampling import Drawn, split_pool
from nnbench.engine.seeding import generators, shuffled
from nnbench.settings import Settings


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


SEEDS = (0, 1, 2, 3)


def drawn(path: Path, folder: Path, **settings: object) -> Drawn:
    """Training and validation samples of four replicates, as jobs draw them."""
    prepared = folder / "prepared"
    dataset = dataset_at(path)
    store.prepare(dataset, prepared, data_folder=None, download=False)
    return split_pool(dataset, Settings(**settings), folder=prepared, seeds=SEEDS)


def sides(found: Drawn) -> list[tuple[set[int], set[int]]]:
    """The groups in training and in validation, of each replicate."""
    groups = found.arrays.groups
    assert groups is not None
    return [
        (set(groups[train.numpy()].tolist()), set(groups[rows.numpy()].tolist()))
        for train, rows in zip(found.train, found.validation, strict=True)
    ]


@pytest.mark.parametrize(
    ("copies", "size"), [(2, 29), (3, 40), (7, 100), (2, None), (3, 1)], ids=str
)
def test_no_twin_of_a_validation_sample_is_trained_on(
    copies: int, size: int | None, tmp_path: Path
) -> None:
    keys = {"duplicates": "keep together", "validation_size": size}
    path = csv_data(tmp_path, coin_flips(copies), **keys)
    dataset, found = dataset_at(path), drawn(path, tmp_path)
    assert all(not train & validation for train, validation in sides(found))
    assert found.validation.shape == (4, dataset.validation_size)
    assert found.train.shape == (4, dataset.train_size)
    used = dataset.train_size + dataset.validation_size + dataset.test_size
    assert 100 * copies - copies < used <= 100 * copies
    assert len({tuple(sorted(rows.tolist())) for rows in found.validation}) >= 3


def test_a_column_of_groups_holds_for_validation_too(tmp_path: Path) -> None:
    text = coin_flips(1, columns=",patient")
    found = drawn(csv_data(tmp_path, text, group="patient"), tmp_path)
    assert all(not train & validation for train, validation in sides(found))
    chosen = drawn(csv_data(tmp_path, text, group="patient"), tmp_path, classes=(1, 0))
    assert all(not train & validation for train, validation in sides(chosen))


def test_what_a_replicate_gets_does_not_depend_on_the_others(tmp_path: Path) -> None:
    path = csv_data(tmp_path, coin_flips(3), duplicates="keep together")
    found = drawn(path, tmp_path)
    alone = split_pool(dataset_at(path), Settings(), folder=tmp_path / "prepared", seeds=(2,))
    assert torch.equal(found.train[2], alone.train[0])
    assert torch.equal(found.validation[2], alone.validation[0])


@given(st.lists(st.integers(1, 9), min_size=2, max_size=30), st.data())
def test_groups_are_divided_only_where_validation_could_not_be_filled(
    sizes: list[int], data: st.DataObject
) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    kept = data.draw(st.integers(1, len(groups) - 1))
    order = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(len(groups))
    validation, rest = apart(order, groups, kept)
    assert len(validation) == kept
    assert not set(groups[validation].tolist()) & set(groups[rest].tolist())
    left_out = len(groups) - kept - len(rest)
    assert left_out <= most_left_out(groups, kept)
    assert left_out == 0 or 1 not in sizes or sizes.count(1) < kept


def test_data_without_groups_are_stored_and_divided_as_before(tmp_path: Path) -> None:
    path = csv_data(tmp_path, coin_flips(1))
    found = drawn(path, tmp_path)
    assert "trainval/groups" not in store.read_manifest(tmp_path / "prepared").arrays
    rows = shuffled(torch.arange(70).expand(4, -1), generators(SEEDS, "split"))
    assert torch.equal(torch.cat([found.validation, found.train], dim=1), rows)
