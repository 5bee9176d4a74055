"""A user's own data: every format becomes a dataset that is known by its content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from own_cases import (
    FRUIT,
    csv_data,
    csv_text,
    draw_image,
    folder_data,
    npz_arrays,
    npz_data,
    pools_of,
)
from PIL import Image

from nnbench import registry
from nnbench.cells.cell import dataset_of
from nnbench.datasets.own import description as own
from nnbench.datasets.own.description import dataset_at, json_schema
from nnbench.datasets.prepared import store
from nnbench.errors import NnbenchError

EXAMPLE = Path(__file__).parent.parent / "examples/own"


def test_a_table_becomes_a_dataset_with_sorted_classes(tmp_path: Path) -> None:
    dataset = dataset_at(csv_data(tmp_path))
    assert dataset.class_names == ("apple", "fig", "pear")
    assert (dataset.input_shape, dataset.scaling) == ((2,), "feature")
    # 30 % of 30 for the test, a fifth of the other 21 for validation
    assert (dataset.train_size, dataset.validation_size, dataset.test_size) == (17, 4, 9)
    pools = pools_of(dataset)
    assert np.bincount(pools.test.labels).tolist() == [3, 3, 3]
    for arrays in (pools.trainval, pools.test):
        for (width, height), label in zip(arrays.inputs, arrays.labels, strict=True):
            assert dataset.class_names[label] == FRUIT[int(width) % 3]
            assert height == pytest.approx(width / 7, abs=1e-3)


def test_a_table_of_numbers_is_a_regression(tmp_path: Path) -> None:
    path = csv_data(
        tmp_path, target="height", task="regression", target_unit="cm", features=["width"]
    )
    dataset = dataset_at(path)
    assert (dataset.task, dataset.outputs, dataset.class_names) == ("regression", 1, ())
    assert (dataset.target_name, dataset.target_unit) == ("height", "cm")
    pools = pools_of(dataset)
    assert pools.test.labels.dtype == np.float32
    assert pools.test.labels == pytest.approx(pools.test.inputs[:, 0] / 7, abs=1e-3)


def test_features_are_taken_in_the_order_of_the_yaml_file(tmp_path: Path) -> None:
    pools = pools_of(dataset_at(csv_data(tmp_path, features=["height", "width"])))
    assert pools.test.inputs[:, 0] == pytest.approx(pools.test.inputs[:, 1] / 7, abs=1e-3)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + csv_text(),  # as spreadsheets save it
        csv_text().replace("\n", "\r\n"),
        csv_text().replace("\n", "\n\n"),
        csv_text().replace(",", " , "),
        csv_text().replace("width", '"width"').replace("pear", '"pear"'),
    ],
)
def test_a_table_may_come_from_anywhere(text: str, tmp_path: Path) -> None:
    pools = pools_of(dataset_at(csv_data(tmp_path, text)))
    plain = pools_of(dataset_at(csv_data(tmp_path)))
    assert np.array_equal(pools.trainval.inputs, plain.trainval.inputs)
    assert np.array_equal(pools.trainval.labels, plain.trainval.labels)


def test_another_separator_is_a_key(tmp_path: Path) -> None:
    dataset = dataset_at(csv_data(tmp_path, csv_text().replace(",", ";"), separator=";"))
    assert dataset.input_shape == (2,)


def test_arrays_become_a_dataset(tmp_path: Path) -> None:
    dataset = dataset_at(npz_data(tmp_path, class_names=["a", "b"], split_seed=3))
    assert (dataset.class_names, dataset.test_size) == (("a", "b"), 6)
    pools = pools_of(dataset)
    rows = np.concatenate([pools.trainval.inputs, pools.test.inputs])
    assert np.array_equal(np.sort(rows, axis=0), npz_arrays()["inputs"])
    assert ((pools.test.inputs[:, 0] // 6) % 2 == pools.test.labels).all()


def test_a_test_part_of_ones_own_is_kept(tmp_path: Path) -> None:
    part = npz_arrays(4)
    arrays = {"test_inputs": part["inputs"] + 0.5, "test_labels": part["labels"]}
    pools = pools_of(dataset_at(npz_data(tmp_path, arrays)))
    assert np.array_equal(pools.test.inputs, part["inputs"] + 0.5)
    assert np.array_equal(pools.trainval.inputs, npz_arrays()["inputs"])


def test_bytes_stay_bytes_and_images_share_one_scale(tmp_path: Path) -> None:
    inputs = np.arange(20 * 12, dtype=np.uint8).reshape(20, 3, 2, 2)
    dataset = dataset_at(npz_data(tmp_path, {"inputs": inputs}))
    assert (dataset.scaling, dataset.input_shape) == ("global", (3, 2, 2))
    assert pools_of(dataset).test.inputs.dtype == np.uint8


def test_labels_are_numbered_anew_on_demand(tmp_path: Path) -> None:
    labels = np.where(np.arange(20) % 2, 7, -3)
    dataset = dataset_at(npz_data(tmp_path, {"labels": labels}, relabel=True))
    assert dataset.class_names == ("-3", "7")
    pools = pools_of(dataset)
    assert ((pools.test.inputs[:, 0] // 6) % 2 == pools.test.labels).all()


def test_arrays_of_numbers_are_a_regression(tmp_path: Path) -> None:
    labels = np.linspace(0, 1, 20)
    path = npz_data(tmp_path, {"labels": labels}, task="regression", target_name="share")
    dataset = dataset_at(path)
    assert (dataset.task, dataset.target_name) == ("regression", "share")
    pools_of(dataset)


def test_class_folders_become_a_dataset(tmp_path: Path) -> None:
    dataset = dataset_at(folder_data(tmp_path))
    assert (dataset.class_names, dataset.input_shape) == (("cat", "dog"), (3, 4, 6))
    assert (dataset.scaling, dataset.test_size) == ("global", 3)  # 30 % of 5 and of 5
    pools = pools_of(dataset)
    assert pools.test.inputs.dtype == np.uint8
    assert (pools.test.inputs[:, 0, 0, 0] == 100 * pools.test.labels).all()


def test_folders_of_train_and_test_are_the_split(tmp_path: Path) -> None:
    dataset = dataset_at(folder_data(tmp_path, parts=("train", "test")))
    pools = pools_of(dataset)
    assert (len(pools.trainval), len(pools.test)) == (10, 10)
    assert (pools.trainval.inputs[:, 2] == len("train")).all()
    assert (pools.test.inputs[:, 2] == len("test")).all()


def test_a_side_is_the_middle_square_scaled(tmp_path: Path) -> None:
    path = folder_data(tmp_path, image_side=2)
    wide = Image.new("RGB", (8, 4), (0, 0, 0))
    # red but for the outer columns; the middle square is 2 ... 5, and interpolation sees 1 ... 6
    wide.paste((255, 0, 0), (1, 0, 7, 4))
    for n in range(5):
        wide.save(tmp_path / f"images/cat/{n}.png")
    pools = pools_of(dataset_at(path))
    cats = pools.trainval.inputs[pools.trainval.labels == 0]
    assert cats.shape[1:] == (3, 2, 2)
    assert (cats == np.array([255, 0, 0])[:, None, None]).all()


def test_grey_is_the_usual_weighting_of_the_colours(tmp_path: Path) -> None:
    path = folder_data(tmp_path, colour="grey")
    for n in range(5):
        draw_image(tmp_path / f"images/cat/{n}.png", colour=(200, 100, 50))
    dataset = dataset_at(path)
    pools = pools_of(dataset)
    assert dataset.input_shape == (1, 4, 6)
    luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 50  # ITU-R 601, as Pillow documents it
    assert abs(int(pools.test.inputs[pools.test.labels == 0][0, 0, 0, 0]) - luma) <= 1


def test_a_photograph_is_turned_as_its_exif_entry_says(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    image = Image.new("RGB", (4, 6), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 4, 1))  # the first row is white
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright: the first row goes right
    for n in range(5):
        (tmp_path / f"images/cat/{n}.png").unlink()
        image.save(tmp_path / f"images/cat/{n}.jpg", exif=exif, quality=100, subsampling=0)
    pools = pools_of(dataset_at(path))
    cat = pools.trainval.inputs[pools.trainval.labels == 0][0]
    assert cat.shape == (3, 4, 6)
    assert (cat[:, :, 5] > 200).all()
    assert (cat[:, :, :4] < 60).all()


def test_own_data_are_prepared_as_any_dataset(tmp_path: Path) -> None:
    dataset = dataset_at(csv_data(tmp_path))
    manifest = store.prepare(dataset, tmp_path / "out", data_folder=None, download=False)
    assert (manifest.name, manifest.class_names) == ("mine", ("apple", "fig", "pear"))
    assert len(store.load_test(tmp_path / "out")) == 9


def test_a_path_is_a_name_wherever_datasets_are_named(tmp_path: Path) -> None:
    path = str(csv_data(tmp_path))
    assert registry.check_name("dataset", path, registry.DATASETS) == path
    assert dataset_of(path).name == "mine"
    assert registry.load("dataset", path, registry.DATASETS).title == "Mine"
    assert registry.target(path, registry.DATASETS).partition(":")[0] == own.__name__


@pytest.mark.parametrize("known", [registry.MODELS, registry.OPTIMIZERS])
def test_a_path_is_no_name_of_anything_else(known: Mapping[str, str]) -> None:
    with pytest.raises(NnbenchError, match="unknown name"):
        registry.check_name("model", "mine.yaml", known)


def test_a_path_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    csv_data(tmp_path / "inner")
    monkeypatch.chdir(tmp_path)
    assert dataset_at(Path("inner/mine.yaml")).test_size == 9


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({"train_size": 10}, (10, 4, 9)),
        ({"validation_size": 7}, (14, 7, 9)),
        ({"train_size": 3, "validation_size": 2}, (3, 2, 9)),
        ({"test_share": 0.5}, (12, 3, 15)),
    ],
)
def test_sizes_can_be_chosen(
    changes: dict[str, Any], sizes: tuple[int, ...], tmp_path: Path
) -> None:
    dataset = dataset_at(csv_data(tmp_path, **changes))
    assert (dataset.train_size, dataset.validation_size, dataset.test_size) == sizes
    pools_of(dataset)


def test_another_split_seed_is_another_split(tmp_path: Path) -> None:
    first, again, other = (
        pools_of(dataset_at(csv_data(tmp_path, split_seed=seed))).test.inputs for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_schema_lets_an_editor_check_what_the_model_checks() -> None:
    schema = json_schema()
    assert schema["discriminator"]["propertyName"] == "format"
    assert set(schema["discriminator"]["mapping"]) == set(own.FORMATS)
    for model in ("CsvData", "NpzData", "FolderData"):
        assert {"name", "title", "source", "licence", "path"} <= set(
            schema["$defs"][model]["required"]
        )


def test_the_schema_accepts_the_example_and_refuses_a_misspelt_key() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    spec = yaml.safe_load((EXAMPLE / "iris.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(spec, json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**spec, "targte": "species"}, json_schema())


def test_the_example_has_the_irises_of_scikit_learn() -> None:
    inputs, labels = pytest.importorskip("sklearn.datasets").load_iris(return_X_y=True)
    pools = pools_of(dataset_at(EXAMPLE / "iris.yaml"))
    own_rows = np.concatenate(
        [np.column_stack([p.inputs, p.labels]) for p in (pools.trainval, pools.test)]
    )
    theirs = np.column_stack([inputs, labels]).astype(np.float32)
    assert sorted(map(tuple, own_rows.tolist())) == sorted(map(tuple, theirs.tolist()))
