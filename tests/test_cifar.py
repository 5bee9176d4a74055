"""CIFAR's batches: real format, small files; nothing in them is run, and damage is named."""

from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnbench.datasets import cifar10, cifar100, cifar_everyday
from nnbench.datasets.sources.cifar_batches import Cifar, load_batches
from nnbench.datasets.sources.plain_pickle import read_plain
from nnbench.errors import NnbenchError

SOURCES: dict[str, Any] = {"CIFAR10": cifar10, "CIFAR100": cifar100}


def pixels(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def text2(text: bytes) -> bytes:
    """A text as Python 2 pickled it (SHORT_BINSTRING)."""
    return b"U" + bytes([len(text)]) + text


def python2_batch(data: np.ndarray, labels: list[int], key: str = "labels") -> bytes:
    """The bytes of a batch, instruction by instruction as in the original files (protocol 2)."""
    rows = struct.pack("<H", len(data))
    return b"".join(
        [
            b"\x80\x02}q\x01(" + text2(b"batch_label") + b"q\x02" + text2(b"batch 1 of 5"),
            text2(key.encode()) + b"q\x04]q\x05(",
            *(b"K" + bytes([label]) for label in labels),
            b"e" + text2(b"data") + b"q\x06cnumpy.core.multiarray\n_reconstruct\nq\x07",
            b"cnumpy\nndarray\nq\x08K\x00\x85" + text2(b"b") + b"\x87Rq\x09",
            b"(K\x01M" + rows + b"M\x00\x0c\x86cnumpy\ndtype\nq\x0a" + text2(b"u1"),
            b"K\x00K\x01\x87Rq\x0b(K\x03" + text2(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff",
            b"K\x00tb\x89T" + struct.pack("<i", data.nbytes) + data.tobytes() + b"tb",
            text2(b"filenames") + b"]q\x0c(" + text2(b"a_000001.png") * len(labels) + b"eu.",
        ]
    )


def python3_batch(data: np.ndarray, labels: list[int], key: str = "labels") -> bytes:
    return pickle.dumps({key.encode(): labels, b"data": data}, protocol=2)


def write(
    module: Any, folder: Path, content: Callable[..., bytes] = python2_batch, count: int = 6
) -> Cifar:
    """Small batches in a data folder, and a source that knows their checksums."""
    source: Cifar = module.SOURCE
    below = folder / source.files.folder
    below.mkdir(parents=True, exist_ok=True)
    md5 = {}
    for seed, name in enumerate(source.files.md5):
        labels = [(seed + row) % len(module.DATASET.class_names) for row in range(count)]
        (below / name).write_bytes(content(pixels(count, seed), labels, source.label_key))
        md5[name] = hashlib.md5((below / name).read_bytes()).hexdigest()  # noqa: S324 - CIFAR's own
    return replace(source, files=replace(source.files, md5=md5))


def test_the_batches_of_these_tests_are_pickles_as_python_2_wrote_them() -> None:
    data = pixels(3, seed=0)
    found = pickle.loads(python2_batch(data, [4, 5, 6]), encoding="latin1")  # noqa: S301 - our own
    assert found["labels"] == [4, 5, 6]
    assert np.array_equal(found["data"], data)


@pytest.mark.parametrize("content", [python2_batch, python3_batch])
def test_a_batch_is_read_as_python_reads_it(content: Callable[..., bytes]) -> None:
    data = pixels(5, seed=1)
    found = read_plain(content(data, [1, 2, 3, 4, 255]))
    assert found["labels"] == [1, 2, 3, 4, 255]
    assert np.array_equal(found["data"], data)
    assert found["data"].dtype == np.uint8


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -2, 70_000, True, None], "b": ("x", b"y"), "c": {"d": []}},
        {"empty": (), "long": 2**40, "one": (1,), "two": (1, 2), "four": (1, 2, 3, 4)},
        {"same": [[1], [1]] * 2},
    ],
)
def test_plain_values_of_any_protocol_are_read(protocol: int, value: dict[str, Any]) -> None:
    if protocol == 2 and "b" in value:
        value = {**value, "b": "no bytes in Python 2"}
    assert read_plain(pickle.dumps(value, protocol=protocol)) == value


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_nothing_in_a_file_is_run(protocol: int, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    content = pickle.dumps({"data": Evil(victim)}, protocol=protocol)
    with pytest.raises(ValueError, match=r"the name|the instruction"):
        read_plain(content)
    assert not victim.exists()
    pickle.loads(content)  # noqa: S301 - shows that Python would have run it
    assert victim.exists()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b".", b"\x80\x02.", b"\x80\x02}q\x01(u", b"garbage", b"\x80\x02h\x05."),
        *(b"\x80\x02K\x01.", b"\x80\x02]e.", b"\x80\x02}b.", b"\x80\x02}K\x01s.", b"\x80\x02NN."),
        python2_batch(pixels(2, seed=0), [1, 2])[:-40],
        python2_batch(pixels(2, seed=0), [1, 2])[:3000],
        python2_batch(pixels(2, seed=0), [1, 2]).replace(b"u1", b"O8"),
        python2_batch(pixels(2, seed=0), [1, 2]).replace(b"numpy\ndtype", b"numpy\nload"),
    ],
)
def test_a_file_that_is_no_plain_dictionary_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError):
        read_plain(content)


@pytest.mark.parametrize("name", SOURCES)
def test_batches_are_read_as_torchvision_reads_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchvision = pytest.importorskip("torchvision.datasets")
    source = write(SOURCES[name], tmp_path)
    kind = getattr(torchvision, name)
    for attribute, names in (("train_list", source.train), ("test_list", source.test)):
        monkeypatch.setattr(kind, attribute, [[n, source.files.md5[n]] for n in names])
    monkeypatch.setattr(kind, "_load_meta", lambda _: None)
    pools = load_batches(source, tmp_path, download=False)
    for arrays, train in ((pools.trainval, True), (pools.test, False)):
        other = kind(root=tmp_path, train=train, download=False)
        assert np.array_equal(arrays.inputs.transpose(0, 2, 3, 1), other.data)
        assert arrays.labels.tolist() == other.targets
        assert arrays.inputs.shape[1:] == (3, 32, 32)
        assert arrays.inputs.flags.writeable


@pytest.mark.parametrize("name", SOURCES)
def test_the_checksums_are_those_of_torchvision(name: str) -> None:
    kind = getattr(pytest.importorskip("torchvision.datasets"), name)
    source: Cifar = SOURCES[name].SOURCE
    assert source.files.folder == kind.base_folder
    assert source.files.md5 == dict(kind.train_list + kind.test_list)
    assert source.train == tuple(name for name, _ in kind.train_list)


def test_red_green_and_blue_are_the_three_channels(tmp_path: Path) -> None:
    def red(data: np.ndarray, labels: list[int], key: str) -> bytes:
        data[:, :1024], data[:, 1024:] = 255, 0
        return python2_batch(data, labels, key)

    pools = load_batches(write(cifar100, tmp_path, red), tmp_path, download=False)
    assert (pools.test.inputs[:, 0] == 255).all()
    assert not pools.test.inputs[:, 1:].any()


def test_class_names_are_sorted_as_in_the_files_and_a_chair_is_number_20() -> None:
    names = cifar100.DATASET.class_names
    assert (len(names), len(set(names)), list(names)) == (100, 100, sorted(names))
    assert names.index("chair") == 20
    assert list(cifar10.DATASET.class_names) == sorted(cifar10.DATASET.class_names)


@pytest.mark.parametrize("module", [cifar10, cifar100, cifar_everyday])
def test_missing_batches_name_the_folder_and_the_files(module: Any, tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match=r"no data folder is set(.|\n)*'mnist5k'"):
        module.load(None, False)
    with pytest.raises(NnbenchError, match=r"missing in .*cifar-1(.|\n)*test(.|\n)*download"):
        module.load(tmp_path, False)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_batch_is_named_and_not_read(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(cifar10, tmp_path)
    path = tmp_path / source.files.folder / "data_batch_3"
    good = path.read_bytes()
    bad = {"truncated": good[:-1], "flipped": good[:-1] + b"\xff", "empty": b""}[damage]
    path.write_bytes(bad)
    read: list[bytes] = []
    monkeypatch.setattr("nnbench.datasets.sources.cifar_batches.read_plain", read_and_note(read))
    words = r"data_batch_3 is truncated or damaged(.|\n)*MD5(.|\n)*delete that file"
    with pytest.raises(NnbenchError, match=words):
        load_batches(source, tmp_path, download=True)
    assert bad not in read
    assert len(read) == 2  # the two batches before it


def read_and_note(read: list[bytes]) -> Callable[[bytes], dict[str, Any]]:
    def reading(content: bytes) -> dict[str, Any]:
        read.append(content)
        return read_plain(content)

    return reading


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda *_: pickle.dumps({"data": Path("x")}, 2), "the name pathlib"),
        (lambda data, labels, _: python2_batch(data, labels, "coarse"), "no key 'fine_labels'"),
        (lambda data, labels, key: python2_batch(data[1:], labels, key), "reshape"),
        (lambda data, labels, key: python2_batch(data[:, 1:].copy(), labels, key), "reshape"),
        (lambda _, labels, key: pickle.dumps({key: labels, "data": labels}, 2), "reshape"),
        (lambda data, _, key: pickle.dumps({key: "abc", "data": data}, 2), "invalid literal"),
    ],
)
def test_a_batch_with_another_content_is_refused_whatever_its_checksum(
    content: Callable[..., bytes], words: str, tmp_path: Path
) -> None:
    source = write(cifar100, tmp_path, content)
    with pytest.raises(NnbenchError, match=rf"damaged(.|\n)*got: .*{words}(.|\n)*allowed: a pickl"):
        load_batches(source, tmp_path, download=False)


def test_a_download_fetches_the_archive_and_reads_no_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    utils = pytest.importorskip("torchvision.datasets.utils")
    asked: list[tuple[str, str]] = []

    def unpack(url: str, root: str, *, filename: str, md5: str) -> None:
        asked.append((filename, md5))
        write(cifar10, Path(root))

    monkeypatch.setattr(utils, "download_and_extract_archive", unpack)
    source = write(cifar10, tmp_path / "elsewhere")  # for its checksums
    pools = load_batches(source, tmp_path / "here", download=True)
    assert asked == [("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a")]
    assert (len(pools.trainval), len(pools.test)) == (30, 6)


def test_a_failed_download_names_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchvision = pytest.importorskip("torchvision.datasets")
    monkeypatch.setattr(torchvision.CIFAR10, "url", "http://127.0.0.1:9/x.tar.gz")  # nobody listens
    with pytest.raises(NnbenchError, match=r"download to .* failed(.|\n)*'mnist5k'") as caught:
        cifar10.load(tmp_path, True)
    assert str(tmp_path) in str(caught.value)


def patched_everyday(folder: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for module in (cifar10, cifar100):
        monkeypatch.setattr(module, "SOURCE", write(module, folder, count=count))
    monkeypatch.setattr(cifar_everyday, "TRAIN_PER_CLASS", 3)
    monkeypatch.setattr(cifar_everyday, "TEST_PER_CLASS", 2)


def test_everyday_things_are_the_first_images_of_four_classes_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched_everyday(tmp_path, monkeypatch, count=300)
    pools = cifar_everyday.load(tmp_path, False)
    assert pools.trainval.labels.tolist() == [0, 1, 2, 3] * 3
    assert pools.test.labels.tolist() == [0, 1, 2, 3] * 2
    ten, hundred = cifar10.load(tmp_path, False), cifar100.load(tmp_path, False)
    wanted = [(ten, 3), (ten, 5), (ten, 1), (hundred, 20)]  # cat, dog, automobile, chair
    for label, (source, number) in enumerate(wanted):
        for part in ("trainval", "test"):
            own, whole = getattr(pools, part), getattr(source, part)
            mine = own.inputs[own.labels == label]
            assert np.array_equal(mine, whole.inputs[whole.labels == number][: len(mine)])


def test_too_few_everyday_things_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched_everyday(tmp_path, monkeypatch, count=25)
    with pytest.raises(NnbenchError, match=r"too few images(.|\n)*got: chair 1(.|\n)*at least 3"):
        cifar_everyday.load(tmp_path, False)


def test_everyday_things_have_500_and_100_images_of_a_class() -> None:
    dataset = cifar_everyday.DATASET
    assert (cifar_everyday.TRAIN_PER_CLASS, cifar_everyday.TEST_PER_CLASS) == (500, 100)
    assert dataset.train_size + dataset.validation_size == 4 * cifar_everyday.TRAIN_PER_CLASS
    assert dataset.test_size == 4 * cifar_everyday.TEST_PER_CLASS
