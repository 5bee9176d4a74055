"""Numbers of any unit and zero point reach training with what tells their rows apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_cases import csv_data, npz_data, pools_of, refused

from nnbench.datasets.own.description import dataset_at
from nnbench.datasets.own.look import notes_of

PLAIN = np.random.default_rng(4).normal(size=90).tolist()


def data(folder: Path, change: Callable[[float], float], **keys: object) -> Path:
    rows = [f"{change(x)!r},{PLAIN[-1 - n]!r},{'ab'[n % 2]}" for n, x in enumerate(PLAIN)]
    return csv_data(folder, "\n".join(["x,y,kind", *rows]) + "\n", **keys)


def standardised(path: Path) -> np.ndarray:
    pools = pools_of(dataset_at(path))
    x = np.concatenate([pools.trainval.inputs, pools.test.inputs])[:, 0].astype(np.float64)
    scaled: np.ndarray = (x - x.mean()) / x.std()
    return scaled


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x * 1e-26,
        lambda x: x * 4e-31,
        lambda x: x * 2e30,
        lambda x: x + 24_600_000,
        lambda x: 1.7e12 + x * 1000,
        lambda x: 1e8 + x / 1000,
        lambda x: 0.5 + x * 1e-6,
        lambda x: 1e-20 + x * 1e-26,
    ],
)
def test_no_unit_and_no_zero_point_hides_the_differences(
    change: Callable[[float], float], tmp_path: Path
) -> None:
    path = data(tmp_path, change)
    (note,) = notes_of(path)
    assert note.startswith(
        "float32 cannot hold the differences of 1 columns as they are; used are (x - "
    )
    moved = standardised(path)
    assert moved == pytest.approx(standardised(data(tmp_path, lambda x: x)), abs=2e-3)


@pytest.mark.parametrize(
    "change", [lambda x: x, lambda x: x + 300, lambda x: 2000 + x, lambda x: x * 1e-9]
)
def test_usual_numbers_are_used_as_they_are(
    change: Callable[[float], float], tmp_path: Path
) -> None:
    path = data(tmp_path, change)
    assert notes_of(path) == ()
    pools = pools_of(dataset_at(path))
    found = np.concatenate([pools.trainval.inputs, pools.test.inputs])[:, 0]
    assert sorted(found.tolist()) == sorted(np.float32([change(x) for x in PLAIN]).tolist())


def test_a_constant_is_no_number_that_has_to_be_moved(tmp_path: Path) -> None:
    (note,) = notes_of(data(tmp_path, lambda _: 24_600_000.3))
    assert note.startswith("column 'x' is constant")


def test_columns_that_share_a_scale_are_not_moved_alone(tmp_path: Path) -> None:
    path = data(tmp_path, lambda x: x + 24_600_000, scaling="global")
    refused("float32 cannot hold the differences of column 'x'...set scaling: feature", path)


@pytest.mark.parametrize("change", [lambda x: x + 1.7e9, lambda x: x * 1e-27])
def test_a_target_that_float32_cannot_hold_is_refused(
    change: Callable[[float], float], tmp_path: Path
) -> None:
    path = data(tmp_path, change, target="x", features=["y"], task="regression")
    refused("differences of the target 'x'...subtract a constant from 'x'", path)


FINE = [lambda x: x * 1e-26, lambda x: x + 24_600_000, lambda x: 1e8 + x / 1000]
fine = pytest.mark.parametrize("change", FINE)


def arrays(shape: tuple[int, ...], change: Callable[[Any], Any]) -> dict[str, Any]:
    values = change(np.random.default_rng(5).normal(size=(40, *shape)))
    return {"inputs": values, "labels": np.arange(40) % 2}


def given_sets(
    shape: tuple[int, ...], change: Callable[[Any], Any], *, own_test: bool
) -> dict[str, Any]:
    given = arrays(shape, change)
    return given | ({f"test_{name}": values for name, values in given.items()} if own_test else {})


@fine
@pytest.mark.parametrize("shape", [(3,), (2, 5)], ids=str)
@pytest.mark.parametrize("own_test", [False, True])
def test_arrays_are_moved_as_columns_are(
    own_test: bool, shape: tuple[int, ...], change: Callable[[Any], Any], tmp_path: Path
) -> None:
    pools, plain = (
        pools_of(dataset_at(npz_data(tmp_path, given_sets(shape, how, own_test=own_test))))
        for how in (change, lambda x: x)
    )
    a, b = (p.trainval.inputs.astype(np.float64) for p in (pools, plain))
    assert (a - a.mean(0)) / a.std(0) == pytest.approx((b - b.mean(0)) / b.std(0), abs=2e-3)
    if own_test:  # the same values as outside: moved by the same constants
        assert set(pools.test.inputs.ravel()) == set(pools.trainval.inputs.ravel())


@fine
def test_arrays_that_were_moved_are_named(change: Callable[[Any], Any], tmp_path: Path) -> None:
    note = notes_of(npz_data(tmp_path, arrays((3,), change)))[0]
    assert note.startswith("float32 cannot hold the differences of 3 columns as they are")


@fine
def test_images_that_float32_cannot_hold_are_refused(
    change: Callable[[Any], Any], tmp_path: Path
) -> None:
    path = npz_data(tmp_path, arrays((1, 6, 6), change))
    refused("float32 cannot hold the differences of the inputs", path)


def test_a_nearly_constant_pixel_of_usual_images_is_no_fault(tmp_path: Path) -> None:
    given = arrays((1, 6, 6), lambda x: x)
    given["inputs"][:, 0, 0, 0] = 200 + given["inputs"][:, 0, 0, 0] * 1e-3
    pools = pools_of(dataset_at(npz_data(tmp_path, given)))
    found = np.concatenate([pools.trainval.inputs, pools.test.inputs])
    assert set(found.ravel()) == set(given["inputs"].astype(np.float32).ravel())


@fine
def test_targets_of_arrays_are_refused_as_those_of_tables_are(
    change: Callable[[Any], Any], tmp_path: Path
) -> None:
    given = arrays((3,), lambda x: x) | {"labels": change(np.random.default_rng(6).normal(size=40))}
    path = npz_data(tmp_path, given, task="regression", target_name="price")
    refused("float32 cannot hold the differences of the target 'price'", path)
