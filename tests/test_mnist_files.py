"""MNIST's family: torchvision reads what has the published checksum, and nothing else."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from raw_files import MNIST_FAMILY, data_folder_with, write_mnist

from nnbench import registry
from nnbench.datasets.mnist import MNIST_FILES
from nnbench.datasets.sources.images import ImageFiles
from nnbench.errors import NnbenchError


@pytest.mark.parametrize("name", MNIST_FAMILY)
def test_raw_files_are_read_as_torchvision_reads_them(name: str) -> None:
    source = MNIST_FAMILY[name]
    folder = data_folder_with(source.name)
    torchvision = pytest.importorskip("torchvision.datasets")
    dataset = registry.load("test", source.name, registry.DATASETS)
    pools = dataset.load(folder, False)
    for arrays, train in ((pools.trainval, True), (pools.test, False)):
        theirs = getattr(torchvision, name)(root=folder, train=train, download=False)
        assert np.array_equal(arrays.inputs[:, 0], theirs.data.numpy())
        assert np.array_equal(arrays.labels, theirs.targets.numpy())
        assert len(dataset.class_names) == len(theirs.classes)


def test_an_old_folder_of_processed_tensors_is_not_read(tmp_path: Path) -> None:
    """torchvision would rather read these, and compares no checksum."""
    torch = pytest.importorskip("torch")
    source = write_mnist(tmp_path)
    (tmp_path / "MNIST/processed").mkdir()
    for name in ("training.pt", "test.pt"):
        forged = (torch.zeros(3, 28, 28, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64))
        torch.save(forged, tmp_path / "MNIST/processed" / name)
    pools = source.load(tmp_path, False)
    assert (len(pools.trainval), len(pools.test)) == (20, 20)
    assert pools.trainval.labels.tolist() == list(range(10)) * 2


@pytest.mark.parametrize("source", MNIST_FAMILY.values(), ids=MNIST_FAMILY)
def test_missing_raw_files_name_the_folder_and_the_embedded_set(
    source: ImageFiles, tmp_path: Path
) -> None:
    with pytest.raises(NnbenchError, match=r"no data folder is set(.|\n)*'mnist5k'"):
        source.load(None, False)
    words = r"missing in .*raw(.|\n)*t10k(.|\n)*'mnist5k'"
    with pytest.raises(NnbenchError, match=words) as caught:
        source.load(tmp_path, False)
    assert str(tmp_path / source.torchvision_class / "raw") in str(caught.value)


def test_a_failed_download_names_the_folder_and_the_embedded_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchvision = pytest.importorskip("torchvision.datasets")
    monkeypatch.setattr(torchvision.MNIST, "mirrors", ["http://127.0.0.1:9/"])  # nobody listens
    with pytest.raises(NnbenchError, match=r"download to .* failed(.|\n)*'mnist5k'") as caught:
        MNIST_FILES.load(tmp_path, True)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_raw_file_is_named(damage: str, tmp_path: Path) -> None:
    source = data_folder_with("mnist") / "MNIST"
    shutil.copytree(source, tmp_path / "MNIST", copy_function=shutil.copyfile)
    path = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    content = path.read_bytes()
    path.write_bytes(content[:-1] if damage == "truncated" else content[:-1] + b"\xff")
    words = rf"{path.name} is truncated or damaged(.|\n)*delete that file"
    with pytest.raises(NnbenchError, match=words):
        MNIST_FILES.load(tmp_path, True)


def test_a_missing_torchvision_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_mnist(tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(NnbenchError, match=r"cannot be loaded(.|\n)*torchvision"):
        source.load(tmp_path, False)
