"""A user's own arrays: where the channels stand is known or asked, and inputs have to vary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_cases import csv_data, csv_text, npz_arrays, npz_data, pools_of, refused

from nnbench.datasets.own.description import dataset_at


def images(*shape: int) -> dict[str, np.ndarray]:
    values = np.random.default_rng(0).integers(0, 256, (20, *shape), dtype=np.uint8)
    return {"inputs": values}


@pytest.mark.parametrize(
    "shape",
    [(16, 16, 4), (16, 16, 3), (28, 28, 1), (8, 8, 12), (16, 24, 4), (5, 9, 2)],
)
def test_channels_in_the_last_place_are_named(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = npz_data(tmp_path, images(*shape))
    assert refused("channel last", path) == (
        f"{tmp_path / 'a.npz'}: inputs look like images with the channel last\n"
        f"  got: {(20, *shape)}\n"
        "  allowed: (N, channels, height, width), unless channels: last is set\n"
        "  do: set channels: last, or channels: first if they are no such images"
    )


@pytest.mark.parametrize("shape", [(4, 4, 4), (1, 28, 1), (3, 8, 4), (16, 24, 12)])
def test_a_shape_that_may_be_either_is_asked_about(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = npz_data(tmp_path, images(*shape))
    refused("inputs may have the channel first or last...set channels: first or", path)
    assert dataset_at(npz_data(tmp_path, images(*shape), channels="first")).input_shape == shape


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (12, 8, 8), (4, 16, 24), (3, 4, 4)])
def test_channels_in_the_first_place_need_no_key(shape: tuple[int, ...], tmp_path: Path) -> None:
    assert dataset_at(npz_data(tmp_path, images(*shape))).input_shape == shape


def test_four_channels_in_the_last_place_are_four_channels(tmp_path: Path) -> None:
    arrays = images(16, 16, 4)
    dataset = dataset_at(npz_data(tmp_path, arrays, channels="last"))
    pools = pools_of(dataset)
    assert (dataset.input_shape, dataset.scaling) == ((4, 16, 16), "global")
    found = np.concatenate([pools.trainval.inputs, pools.test.inputs])
    wanted = arrays["inputs"].transpose(0, 3, 1, 2)
    assert {image.tobytes() for image in found} == {image.tobytes() for image in wanted}


def test_the_test_set_has_its_channels_in_the_same_place(tmp_path: Path) -> None:
    arrays = {**images(16, 16, 4), "test_inputs": images(16, 16, 4)["inputs"][:4]}
    arrays["test_labels"] = np.arange(4) % 2
    path = npz_data(tmp_path, arrays, channels="last")
    assert pools_of(dataset_at(path)).test.inputs.shape == (4, 4, 16, 16)


def test_channels_of_what_is_no_image_are_refused(tmp_path: Path) -> None:
    refused(r"no images, and have no channels...\(20, 6\)", npz_data(tmp_path, channels="last"))


@pytest.mark.parametrize(
    "inputs",
    [
        np.full((20, 6), 0.3),
        np.zeros((20, 3, 8, 8), np.uint8),
        np.tile(np.arange(6.0), (20, 1)),
    ],
)
def test_arrays_that_are_the_same_for_every_sample_are_refused(
    inputs: np.ndarray, tmp_path: Path
) -> None:
    refused(r"a\.npz: the inputs do not vary...20 samples", npz_data(tmp_path, {"inputs": inputs}))


def test_a_test_set_that_does_not_vary_is_refused(tmp_path: Path) -> None:
    part = {"test_inputs": np.ones((4, 6)), "test_labels": np.arange(4) % 2}
    refused("do not vary in the test set...4 samples", npz_data(tmp_path, part))
    one = {"test_inputs": npz_arrays()["inputs"], "test_labels": npz_arrays()["labels"]}
    pools_of(dataset_at(npz_data(tmp_path, one)))


def test_a_table_whose_features_are_constant_is_refused(tmp_path: Path) -> None:
    rows = [line.partition(",")[2] for line in csv_text().splitlines()]
    text = "\n".join(["width," + rows[0], *("5," + row for row in rows[1:])])
    refused(r"t\.csv: the inputs do not vary", csv_data(tmp_path, text, features=["width"]))
    pools_of(dataset_at(csv_data(tmp_path, text)))
