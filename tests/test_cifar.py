"""CIFAR's batches: real format, small files; no file is unpickled unless its checksum is known."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raw_files import CIFAR_FAMILY, Cifar, Content, cifar, pixels, python2_batch, python3_batch

from nnbench.datasets import cifar as family
from nnbench.datasets.base import Dataset
from nnbench.datasets.cifar import CIFAR10, CIFAR10_FILES, CIFAR100, EVERYDAY
from nnbench.datasets.sources.images import ImageFiles
from nnbench.errors import NnbenchError

__all__ = ["cifar"]  # a fixture


def test_the_batches_of_these_tests_are_pickles_as_python_2_wrote_them() -> None:
    data = pixels(3, seed=0)
    found = pickle.loads(python2_batch(data, [4, 5, 6]), encoding="latin1")  # noqa: S301 - our own
    assert found["labels"] == [4, 5, 6]
    assert np.array_equal(found["data"], data)


@pytest.mark.parametrize("content", [python2_batch, python3_batch])
def test_batches_become_images_and_labels_in_their_order(
    content: Content, cifar: Cifar, tmp_path: Path
) -> None:
    pools = cifar.write("CIFAR10", tmp_path, content, count=5).load(tmp_path, False)
    batches = np.concatenate([pixels(5, seed) for seed in range(5)])
    assert np.array_equal(pools.trainval.inputs.reshape(25, 3072), batches)
    assert np.array_equal(pools.test.inputs.reshape(5, 3072), pixels(5, seed=5))
    assert pools.trainval.labels.tolist() == [n + row for n in range(5) for row in range(5)]
    assert pools.trainval.inputs.dtype == np.uint8


@pytest.mark.parametrize("name", CIFAR_FAMILY)
def test_batches_are_read_as_torchvision_reads_them(
    name: str, cifar: Cifar, tmp_path: Path
) -> None:
    pools = cifar.write(name, tmp_path).load(tmp_path, False)
    for arrays, train in ((pools.trainval, True), (pools.test, False)):
        other = getattr(cifar.torchvision, name)(root=tmp_path, train=train, download=False)
        assert np.array_equal(arrays.inputs.transpose(0, 2, 3, 1), other.data)
        assert arrays.labels.tolist() == other.targets
        assert arrays.inputs.shape[1:] == (3, 32, 32)
        assert arrays.inputs.flags.writeable


@pytest.mark.parametrize("name", CIFAR_FAMILY)
def test_the_checksums_are_those_of_torchvision(name: str) -> None:
    kind = getattr(pytest.importorskip("torchvision.datasets"), name)
    source, _ = CIFAR_FAMILY[name]
    assert source.folder == kind.base_folder
    meta = {kind.meta["filename"]: kind.meta["md5"]}
    assert source.md5 == dict(kind.train_list + kind.test_list) | meta


def test_red_green_and_blue_are_the_three_channels(cifar: Cifar, tmp_path: Path) -> None:
    def red(data: np.ndarray, labels: list[int], key: str) -> bytes:
        data[:, :1024], data[:, 1024:] = 255, 0
        return python2_batch(data, labels, key)

    pools = cifar.write("CIFAR100", tmp_path, red).load(tmp_path, False)
    assert (pools.test.inputs[:, 0] == 255).all()
    assert not pools.test.inputs[:, 1:].any()


def test_class_names_are_sorted_as_in_the_files_and_a_chair_is_number_20() -> None:
    names = CIFAR100.class_names
    assert (len(names), len(set(names)), list(names)) == (100, 100, sorted(names))
    assert names.index("chair") == 20
    assert list(CIFAR10.class_names) == sorted(CIFAR10.class_names)


@pytest.mark.parametrize("dataset", [CIFAR10, CIFAR100, EVERYDAY])
def test_missing_batches_name_the_folder_and_the_files(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match=r"no data folder is set(.|\n)*'mnist5k'"):
        dataset.load(None, False)
    with pytest.raises(NnbenchError, match=r"missing in .*cifar-1(.|\n)*test(.|\n)*download"):
        dataset.load(tmp_path, False)


# --- files that are not the published ones


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["data_batch_1", "data_batch_5", "test_batch", "batches.meta"])
def test_nothing_in_another_file_is_run(name: str, cifar: Cifar, tmp_path: Path) -> None:
    source, victim = cifar.write("CIFAR10", tmp_path), tmp_path / "victim"
    content = pickle.dumps({"data": Evil(victim)})
    (tmp_path / source.folder / name).write_bytes(content)
    words = rf"{name} is truncated or damaged(.|\n)*MD5"
    with pytest.raises(NnbenchError, match=words):
        source.load(tmp_path, False)
    assert not victim.exists()
    pickle.loads(content)  # noqa: S301 - shows that Python would have run it
    assert victim.exists()


def test_what_was_checked_is_what_is_used(
    cifar: Cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, victim = cifar.write("CIFAR10", tmp_path), tmp_path / "victim"
    right, read = source.load(tmp_path, False), ImageFiles.read_checked

    def exchanged(source: ImageFiles, path: Path) -> bytes:
        content = read(source, path)
        path.write_bytes(pickle.dumps({"data": Evil(victim)}))
        return content

    monkeypatch.setattr(ImageFiles, "read_checked", exchanged)
    found = source.load(tmp_path, False)
    assert np.array_equal(found.trainval.inputs, right.trainval.inputs)
    assert not victim.exists()


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_batch_is_named_and_no_batch_is_unpickled(
    damage: str, cifar: Cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = cifar.write("CIFAR10", tmp_path)
    path = tmp_path / source.folder / "data_batch_3"
    good = path.read_bytes()
    bad = {"truncated": good[:-1], "flipped": good[:-1] + b"\xff", "empty": b""}[damage]
    path.write_bytes(bad)
    unpickled: list[object] = []
    monkeypatch.setattr("pickle.load", lambda file, **_: unpickled.append(file))
    words = r"data_batch_3 is truncated or damaged(.|\n)*MD5(.|\n)*delete that file"
    with pytest.raises(NnbenchError, match=words):
        source.load(tmp_path, True)
    assert not unpickled


# --- downloads


def test_a_download_fetches_the_archive_with_its_checksum(
    cifar: Cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def unpack(_url: str, root: Path, *, filename: str, md5: str) -> None:
        asked.append((filename, md5))
        cifar.write("CIFAR10", Path(root))

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", unpack)
    source = cifar.write("CIFAR10", tmp_path / "elsewhere")  # for its checksums
    pools = source.load(tmp_path / "here", True)
    assert asked == [("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a")]
    assert (len(pools.trainval), len(pools.test)) == (30, 6)


def test_a_failed_download_names_the_folder(cifar: Cifar, tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/x.tar.gz"  # nobody listens
    cifar.monkeypatch.setattr(cifar.torchvision.CIFAR10, "url", url)
    with pytest.raises(NnbenchError, match=r"download to .* failed(.|\n)*'mnist5k'") as caught:
        CIFAR10_FILES.load(tmp_path, True)
    assert str(tmp_path) in str(caught.value)


# --- cats, dogs, cars and chairs


def patched_everyday(folder: Path, cifar: Cifar, count: int) -> None:
    for name in CIFAR_FAMILY:
        source = cifar.write(name, folder, count=count)
        cifar.monkeypatch.setattr(family, f"{name}_FILES", source)
    cifar.monkeypatch.setattr(family, "TRAIN_PER_CLASS", 3)
    cifar.monkeypatch.setattr(family, "TEST_PER_CLASS", 2)


def test_everyday_things_are_the_first_images_of_four_classes_in_turns(
    cifar: Cifar, tmp_path: Path
) -> None:
    patched_everyday(tmp_path, cifar, count=300)
    pools = EVERYDAY.load(tmp_path, False)
    assert pools.trainval.labels.tolist() == [0, 1, 2, 3] * 3
    assert pools.test.labels.tolist() == [0, 1, 2, 3] * 2
    ten, hundred = (getattr(family, f"{name}_FILES").load(tmp_path, False) for name in CIFAR_FAMILY)
    wanted = [(ten, 3), (ten, 5), (ten, 1), (hundred, 20)]  # cat, dog, automobile, chair
    for label, (source, number) in enumerate(wanted):
        for name in ("trainval", "test"):
            own, whole = getattr(pools, name), getattr(source, name)
            mine = own.inputs[own.labels == label]
            assert np.array_equal(mine, whole.inputs[whole.labels == number][: len(mine)])


def test_too_few_everyday_things_are_counted(cifar: Cifar, tmp_path: Path) -> None:
    patched_everyday(tmp_path, cifar, count=25)
    with pytest.raises(NnbenchError, match=r"too few images(.|\n)*got: chair 1(.|\n)*at least 3"):
        EVERYDAY.load(tmp_path, False)


def test_everyday_things_have_500_and_100_images_of_a_class() -> None:
    dataset = EVERYDAY
    assert (family.TRAIN_PER_CLASS, family.TEST_PER_CLASS) == (500, 100)
    assert dataset.train_size + dataset.validation_size == 4 * family.TRAIN_PER_CLASS
    assert dataset.test_size == 4 * family.TEST_PER_CLASS
