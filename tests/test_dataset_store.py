"""Prepared datasets: written whole, read with their checksums, and clear when damaged."""

from __future__ import annotations

import errno
import io
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from nnbench import registry
from nnbench.datasets import digits
from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.prepared import store
from nnbench.datasets.prepared.files import npz_bytes, sha256
from nnbench.datasets.prepared.store import Manifest, manifest_bytes
from nnbench.errors import NnbenchError

EMBEDDED = ["mnist5k", "digits", "mnist1d", "coin_flip", "wine", "diabetes"]
CLASSES = [name for name in EMBEDDED if name != "diabetes"]
FIXED = ["mnist5k", "digits", "wine", "diabetes"]
LOADERS = {
    "trainval.npz": store.load_trainval,
    "test.npz": store.load_test,
    "samples.npz": store.load_samples,
}


def prepared(name: str, folder: Path) -> Path:
    dataset: Dataset = registry.load("test", name, registry.DATASETS)
    store.prepare(dataset, folder, data_folder=None, download=False)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", EMBEDDED)
def test_preparing_twice_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    first, second = (
        contents(prepared(name, tmp_path / "a")),
        contents(prepared(name, tmp_path / "b")),
    )
    assert first == second
    assert contents(prepared(name, tmp_path / "a")) == first


@pytest.mark.parametrize("name", EMBEDDED)
def test_a_manifest_survives_the_trip_through_its_file(name: str, tmp_path: Path) -> None:
    dataset: Dataset = registry.load("test", name, registry.DATASETS)
    written = store.prepare(dataset, tmp_path, data_folder=None, download=False)
    assert store.read_manifest(tmp_path) == written
    assert Manifest.model_validate_json(json.dumps(written.model_dump(mode="json"))) == written
    assert (written.name, written.kind) == (name, dataset.kind)
    assert written.sizes["train"] == dataset.train_size
    assert written.files == {
        path.name: sha256(path.read_bytes()) for path in tmp_path.glob("*.npz")
    }


@pytest.mark.parametrize("name", FIXED)
def test_what_was_prepared_is_what_is_read(name: str, tmp_path: Path) -> None:
    pools: Pools = registry.load("test", name, registry.DATASETS).load(None, False)
    prepared(name, tmp_path)
    for read, meant in [
        (store.load_trainval(tmp_path), pools.trainval),
        (store.load_test(tmp_path), pools.test),
    ]:
        assert np.array_equal(read.inputs, meant.inputs)
        assert np.array_equal(read.labels, meant.labels)
        assert (read.inputs.dtype, read.labels.dtype) == (meant.inputs.dtype, meant.labels.dtype)


def test_the_manifest_counts_the_samples_of_each_class(tmp_path: Path) -> None:
    manifest = store.read_manifest(prepared("mnist5k", tmp_path))
    assert manifest.class_counts == {"trainval": (400,) * 10, "test": (100,) * 10}
    assert manifest.sizes == {"trainval": 4000, "test": 1000, "train": 3500, "validation": 500}


def test_the_training_file_alone_is_enough_to_train(tmp_path: Path) -> None:
    prepared("digits", tmp_path)
    (tmp_path / "test.npz").unlink()
    assert len(store.load_trainval(tmp_path)) == 1_437


@pytest.mark.parametrize("name", CLASSES)
def test_the_pictures_samples_are_two_of_each_class(name: str, tmp_path: Path) -> None:
    classes = len(store.read_manifest(prepared(name, tmp_path)).class_names)
    assert store.load_samples(tmp_path).labels.tolist() == np.repeat(np.arange(classes), 2).tolist()


@pytest.mark.parametrize(("classes", "shown"), [(3, 6), (10, 20), (11, 11), (100, 20)])
def test_of_many_classes_the_picture_shows_one_sample_each_of_twenty(
    classes: int, shown: int
) -> None:
    arrays = Arrays(inputs=np.zeros((300, 1), np.float32), labels=np.arange(300) % classes)
    labels = store._samples(arrays).labels.tolist()
    assert len(labels) == shown
    assert sorted(set(labels)) == list(range(min(classes, 20)))


def test_a_regression_is_prepared_with_its_target_and_its_first_rows(tmp_path: Path) -> None:
    manifest = store.read_manifest(prepared("diabetes", tmp_path))
    assert (manifest.task, manifest.class_names, manifest.class_counts) == ("regression", (), {})
    assert manifest.target_name == "disease progression after one year"
    samples, pool = store.load_samples(tmp_path), store.load_trainval(tmp_path)
    assert samples.labels.dtype == np.float32
    assert np.array_equal(samples.labels, pool.labels[:20])
    assert np.array_equal(samples.inputs, pool.inputs[:20])


def test_generated_data_have_no_pool_to_load(tmp_path: Path) -> None:
    prepared("coin_flip", tmp_path)
    with pytest.raises(NnbenchError, match=r"no test\.npz(.|\n)*generated(.|\n)*draw"):
        store.load_test(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "appended"])
@pytest.mark.parametrize("file", ["trainval.npz", "test.npz", "samples.npz"])
def test_a_damaged_file_is_named_with_the_way_out(damage: str, file: str, tmp_path: Path) -> None:
    path = prepared("digits", tmp_path) / file
    good = path.read_bytes()
    flipped = good[:500] + bytes([good[500] ^ 1]) + good[501:]
    bad = {"truncated": good[:-100], "empty": b"", "flipped": flipped, "appended": good + b"\0"}
    path.write_bytes(bad[damage])
    with pytest.raises(NnbenchError, match=rf"{file} is damaged(.|\n)*delete the folder and rerun"):
        LOADERS[file](tmp_path)


@pytest.mark.parametrize("file", ["trainval.npz", "test.npz", "samples.npz"])
def test_a_missing_file_is_named_with_the_way_out(file: str, tmp_path: Path) -> None:
    (prepared("digits", tmp_path) / file).unlink()
    with pytest.raises(NnbenchError, match=rf"{file} cannot be read(.|\n)*delete the folder"):
        LOADERS[file](tmp_path)


def object_npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, inputs=np.array([{}, {}]), labels=np.array([0, 1]))
    return buffer.getvalue()


def bare_npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def wrong_names() -> bytes:
    return npz_bytes({"images": np.zeros((2, 2), np.float32), "labels": np.zeros(2, np.int64)})


@pytest.mark.parametrize(
    "make", [object_npz, bare_npy, wrong_names, lambda: b"PK\3\4", lambda: b""]
)
def test_a_file_without_plain_arrays_is_refused_whatever_its_checksum(
    make: Callable[[], bytes], tmp_path: Path
) -> None:
    path = prepared("digits", tmp_path) / "test.npz"
    path.write_bytes(make())
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    manifest["files"]["test.npz"] = sha256(path.read_bytes())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(
        NnbenchError, match=r"test\.npz does not hold plain(.|\n)*delete the folder"
    ):
        store.load_test(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"7", b"null", b"\xff", b'{"name": "digits"}']
)
def test_a_damaged_manifest_is_named_with_the_way_out(content: bytes, tmp_path: Path) -> None:
    (prepared("digits", tmp_path) / "manifest.json").write_bytes(content)
    with pytest.raises(
        NnbenchError, match=r"manifest\.json cannot be read(.|\n)*delete the folder"
    ):
        store.load_trainval(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("sizes", 3), ("input_shape", "ab"), ("files", None), ("title", 1), ("task", 1)),
        *(("new", 1), ("sizes", {"test": -1}), ("class_counts", {"test": [1.5]})),
    ],
)
def test_a_manifest_with_a_wrong_value_is_refused(key: str, value: object, tmp_path: Path) -> None:
    manifest = store.read_manifest(prepared("digits", tmp_path)).model_dump(mode="json")
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, key: value}))
    with pytest.raises(NnbenchError, match=rf"manifest\.json cannot be read(.|\n)*got: {key}"):
        store.read_manifest(tmp_path)


def test_a_folder_that_was_never_prepared_says_so(tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match=r"manifest\.json is missing: .* not prepared here"):
        store.read_manifest(tmp_path / "nowhere")


@pytest.fixture
def _files_of_at_most_100_kb() -> Iterator[None]:
    """Writes beyond the limit fail half-way, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("_files_of_at_most_100_kb")
def test_a_full_disk_names_the_folder_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    with pytest.raises(
        NnbenchError, match=r"cannot write to the folder(.|\n)*free disk space"
    ) as caught:
        prepared("digits", tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert contents(tmp_path) == {}


def test_a_failed_second_preparation_leaves_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared("digits", tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NnbenchError, match="No space left on device"):
        prepared("digits", tmp_path)
    assert "manifest.json" not in contents(tmp_path)
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NnbenchError, match=r"cannot write to the folder .*file/folder"):
        prepared("coin_flip", tmp_path / "file" / "folder")


def test_data_that_break_their_datasets_promise_are_not_written(tmp_path: Path) -> None:
    fields = {name: getattr(digits.DATASET, name) for name in Dataset.__dataclass_fields__}
    greedy = Dataset(**{**fields, "train_size": 1_201})
    with pytest.raises(NnbenchError, match=r"default sizes do not fit(.|\n)*1438(.|\n)*1437"):
        store.prepare(greedy, tmp_path / "new", data_folder=None, download=False)
    assert not (tmp_path / "new").exists()


def test_the_manifest_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(store, "write_atomically", lambda path, _content: written.append(path.name))
    prepared("digits", tmp_path)
    assert sorted(written[:-1]) == ["samples.npz", "test.npz", "trainval.npz"]
    assert written[-1] == "manifest.json"


def test_the_same_manifest_gives_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    manifest = store.read_manifest(prepared("digits", tmp_path))
    values = dict(reversed(manifest.model_dump(mode="json").items()))
    assert manifest_bytes(Manifest.model_validate_json(json.dumps(values))) == manifest_bytes(
        manifest
    )
