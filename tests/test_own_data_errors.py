"""Every mistake in a user's own data is told in words: what, where, how often, what to do."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_cases import (
    FOLDER,
    csv_data,
    csv_text,
    described,
    draw_image,
    folder_data,
    npz_data,
    refused,
)
from PIL import Image

from nnbench.datasets.own.description import content_fingerprint, dataset_at
from nnbench.errors import NnbenchError


def test_a_path_that_leads_nowhere_says_what_a_name_may_be(tmp_path: Path) -> None:
    refused("'.*none.yaml': no such file...mnist5k...path of a YAML file", tmp_path / "none.yaml")
    with pytest.raises(NnbenchError, match="no such file"):
        content_fingerprint(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "cvs"}, "format: unknown name...'cvs'...csv, folder, npz...mean 'csv'"),
        ({"format": None}, "the key `format` is missing...csv, npz, folder"),
        ({"path": "x.csv"}, r"path: no such file...x\.csv...relative to the YAML file"),
        ({"path": "."}, "path: no such file"),
        ({"name": "digits"}, "'digits' is a dataset of nnbench's own...another name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a-b"}, "name"),
        ({"title": None}, "title: required key is missing"),
        ({"licence": None}, "licence: required key is missing"),
        ({"licence": 3}, "licence: should be a text"),
        ({"targte": "kind"}, "targte: unknown key...did you mean 'target'"),
        ({"test_share": 1.0}, "test_share"),
        ({"task": "ranking"}, "task"),
        ({"split_seed": -1}, "split_seed"),
        ({"train_size": 22}, r"do not fit...got: 22 \+ 4...together at most 21"),
        ({"validation_size": 21}, r"do not fit...got: 0 \+ 21"),
    ],
)
def test_a_wrong_key_is_named(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    message = refused(words, csv_data(tmp_path, **changes))
    assert "mine.yaml" in message


@pytest.mark.parametrize("content", ["", "[]", "7", "text"])
def test_a_yaml_file_of_something_else_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(content)
    refused("mine.yaml: the key `format` is missing", tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (csv_text().replace("\n4,", "\n,"), "1 cells are empty...line 6, column 'width': empty"),
        (csv_text().replace("\n4,", "\nNaN,"), "line 6, column 'width': 'NaN'...features"),
        (csv_text().replace("\n4,", "\ninf,"), "line 6, column 'width': 'inf'"),
        (csv_text().replace("\n4,", "\n1e39,"), "line 6, column 'width': '1e39'"),
        (csv_text().replace("\n4,", "\n1_0,"), "line 6, column 'width': '1_0'"),
        (csv_text().replace(",fig", ", "), "10 cells...line 4, column 'kind': empty...and 5 more"),
        (csv_text().replace("0.", "x"), "cells are empty...'x"),
        (csv_text().replace("\n4,", "\n4,4,"), "1 rows have another number...line 6: 4...3 cells"),
        (csv_text().replace("\n4,", "\n"), "1 rows have another number...line 6: 2"),
        (csv_text().replace("height", "width"), r"same name...\['width'\]"),
        (csv_text().replace("kind", "Kind"), "target names no column...did you mean 'Kind'"),
        (csv_text().replace(",", ";"), 'seem to be separated by ";"...set separator: ";"'),
        (csv_text(0), "has no rows...1 lines"),
        ("", "has no rows...0 lines"),
        ('width,height,kind\n1,2,"a\n', "cannot be read as CSV...UTF-8"),
        ("kind\na\nb\n", "has no features"),
        (csv_text().replace("fig", "pear").replace("apple", "pear"), "one class: 'pear'"),
        (csv_text(8), "too few samples of a class...'fig' 2...at least 3"),
        (csv_text(4), "too few samples...'apple' 1, 'fig' 1, 'pear' 2...task: regression"),
    ],
)
def test_a_table_that_cannot_be_used_says_where(text: str, words: str, tmp_path: Path) -> None:
    assert "t.csv" in refused(words, csv_data(tmp_path, text))


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = csv_data(tmp_path)
    (tmp_path / "t.csv").write_bytes(csv_text().replace("pear", "p\u00e4r").encode("latin-1"))
    refused("cannot be read as CSV...utf-8...save it as CSV in UTF-8", path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"features": ["widht"]}, "features names no column...did you mean 'width'"),
        ({"features": ["width", "kind"]}, "the target is among the features"),
        ({"features": ["width", "width"]}, "name a column twice"),
        ({"task": "regression"}, "30 cells...line 2, column 'kind': 'pear'...and 25 more"),
        ({"target": "width"}, "cells are empty...column 'kind': 'pear'...name `features`"),
        ({"target": "width", "features": ["height"]}, "too few...set task: regression"),
    ],
)
def test_columns_that_do_not_fit_are_named(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    refused(words, csv_data(tmp_path, **changes))


def test_a_regression_on_a_handful_of_rows_is_refused(tmp_path: Path) -> None:
    path = csv_data(tmp_path, csv_text(9), target="height", task="regression", features=["width"])
    refused("too few samples...got: 9...at least 10", path)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            {"labels": np.arange(20) % 2 + 1},
            "start at 0 or leave a gap...got: 1, 2...relabel: true",
        ),
        ({"labels": np.arange(20) % 2 * 2}, "start at 0 or leave a gap...got: 0, 2"),
        ({"labels": np.arange(20) + 5}, "got: 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, …"),
        ({"labels": np.arange(20) / 2}, "no whole numbers...float64...task: regression"),
        ({"labels": np.arange(20) % 2 == 0}, "no whole numbers...bool"),
        ({"labels": np.array(["a", "b"] * 10)}, "no whole numbers...<U1"),
        ({"labels": np.eye(20, dtype=int)}, r"wrong shape...\(20, 20\)...one-hot"),
        ({"labels": np.arange(19) % 2}, "differ in length...20 inputs, 19 labels"),
        ({"labels": np.zeros(20, int)}, "one class: '0'"),
        ({"labels": (np.arange(20) == 3).astype(int)}, "too few samples of a class...'1' 1"),
        ({"inputs": np.zeros(20)}, r"wrong type or shape...float64 \(20,\)"),
        ({"inputs": np.zeros((0, 2))}, r"wrong type or shape...\(0, 2\)"),
        ({"inputs": np.full((20, 2), 1j)}, "wrong type or shape...complex"),
        ({"inputs": np.zeros((20, 8, 8, 3))}, r"channel last...\(20, 8, 8, 3\)...channels: last"),
        ({"inputs": np.full((20, 2), np.nan)}, r"inputs have.*not finite...40 of 40...\(0, 0\)"),
        ({"inputs": np.eye(20) * 1e39}, r"not finite in float32...20 of 400...\(0, 0\)"),
        ({"test_inputs": np.zeros((4, 6))}, "lacks test_labels...test_inputs, test_labels"),
        ({"test_lables": np.zeros(4)}, "has unknown test_lables"),
        (
            {"test_inputs": np.zeros((4, 5)), "test_labels": np.arange(4) % 2},
            r"another type or shape...\(5,\) and float32 \(6,\)",
        ),
        (
            {"test_inputs": np.zeros((4, 6)), "test_labels": np.zeros(4, int)},
            "too few samples of a class in the test set...'1' 0...at least 1",
        ),
    ],
)
def test_arrays_that_cannot_be_used_are_named(
    arrays: dict[str, Any], words: str, tmp_path: Path
) -> None:
    assert "a.npz" in refused(words, npz_data(tmp_path, arrays))


@pytest.mark.parametrize("damage", ["text", "truncated", "pickled", "npy"])
def test_a_damaged_npz_file_is_refused_and_nothing_unpickled(damage: str, tmp_path: Path) -> None:
    path, file = npz_data(tmp_path), tmp_path / "a.npz"
    if damage == "pickled":
        np.savez(file, inputs=np.array([{}, {}]), labels=np.array([0, 1]))
    elif damage == "npy":
        with file.open("wb") as opened:
            np.save(opened, np.zeros((4, 2)))
    else:
        file.write_bytes(b"text" if damage == "text" else file.read_bytes()[:-50])
    refused("cannot be read as an npz file of plain arrays...numpy.savez", path)


def test_arrays_and_keys_that_disagree_are_named(tmp_path: Path) -> None:
    refused("differ in number...3 names, 2 labels", npz_data(tmp_path, class_names=["a", "b", "c"]))
    words = {"labels": np.array(["a", "b"] * 10)}
    refused("labels are no numbers...<U1", npz_data(tmp_path, words, task="regression"))
    part = {"test_inputs": np.zeros((4, 6)), "test_labels": np.arange(4) % 2}
    refused("a test set of their own...0.5", npz_data(tmp_path, part, test_share=0.5))


def test_images_of_several_sizes_are_counted_by_size(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    draw_image(tmp_path / "images/cat/wide.png", size=(10, 4))
    refused("differ in size...10 of 6 x 4, 1 of 10 x 4...image_side: 64", path)
    described(tmp_path, FOLDER, image_side=4)
    assert dataset_at(path).input_shape == (3, 4, 4)


@pytest.mark.parametrize("side", [None, 4])
def test_broken_images_are_named_and_counted(side: int | None, tmp_path: Path) -> None:
    path = folder_data(tmp_path, image_side=side)
    good = (tmp_path / "images/dog/0.png").read_bytes()
    for n, content in enumerate(
        [b"", b"text", good[:30], good[:20], b"\x89PNG\r\n\x1a\n", b"GIF89a"]
    ):
        (tmp_path / f"images/dog/x{n}.png").write_bytes(content)
    message = refused("6 files cannot be read...dog/x0.png...dog/x4.png...and 1 more", path)
    assert "x5" not in message


def test_an_image_that_ends_too_early_is_named(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    rng = np.random.default_rng(0)
    file = tmp_path / "images/cat/noise.png"
    Image.fromarray(rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:-30])
    refused("1 files cannot be read...cat/noise.png", path)


def test_deep_images_are_not_clipped_in_silence(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    Image.fromarray(np.full((4, 6), 40_000, np.uint16)).save(tmp_path / "images/cat/deep.png")
    refused("1 files cannot be read as images of 8 bits...cat/deep.png .*I;16", path)


def test_a_picture_of_far_too_many_pixels_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder_data(tmp_path, image_side=4)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 11)  # Pillow refuses twice as many
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        refused("10 files cannot be read...far too many pixels", path)


def test_folders_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = folder_data(tmp_path, parts=("train", "test"))
    draw_image(tmp_path / "images/train/bird/0.png")
    refused("different classes...only in train: bird; only in test: none", path)
    draw_image(tmp_path / "images/bird/0.png")
    refused("class folders beside train and test...got: bird", path)
    described(tmp_path, FOLDER, path="images/train/cat")
    refused(r"has no class folders...0\.png...<class>/<image>", path)
    described(tmp_path, FOLDER, path="mine.yaml")
    refused("path: no such folder", path)


def test_a_folder_inside_a_class_is_named(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    draw_image(tmp_path / "images/cat/tabby/0.png")
    refused("cat: has folders inside a class folder...got: tabby", path)


def test_a_class_with_too_few_images_is_named_with_its_count(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    draw_image(tmp_path / "images/bird/0.png")
    (tmp_path / "images/fish").mkdir()
    refused("too few samples of a class...'bird' 1, 'fish' 0...at least 3", path)
