"""The data inside nnbench: what their sources publish about them, and what their files promise."""

from __future__ import annotations

import lzma
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnbench import registry
from nnbench.datasets.base import Arrays, Pools
from nnbench.datasets.friedman import DATASET as FRIEDMAN
from nnbench.datasets.friedman import signal
from nnbench.datasets.kinds import input_kind
from nnbench.datasets.sources.embedded import FILES, Embedded, first_of_equal
from nnbench.datasets.waveform import DATASET as WAVEFORM
from nnbench.errors import NnbenchError

neighbors = pytest.importorskip("sklearn.neighbors")
linear = pytest.importorskip("sklearn.linear_model")
NAMES = sorted(path.name.partition(".")[0] for path in FILES.glob("*.xz"))
ALL: dict[str, Any] = {
    name: registry.load("test", name, registry.DATASETS) for name in registry.DATASETS
}


@cache
def pools_of(name: str) -> Pools:
    pools: Pools = ALL[name].load(None, False)
    return pools


@cache
def table(name: str) -> np.ndarray:
    """All lines of a file, those too that repeat others."""
    with lzma.open(FILES / f"{name}.csv.xz") as file:
        return np.loadtxt(file, delimiter=",")


def flat(arrays: Arrays) -> np.ndarray:
    return arrays.inputs.reshape(len(arrays), -1)


@pytest.mark.parametrize(
    ("name", "features", "classes"),
    [
        (
            "letter", 16,
            [789, 766, 736, 805, 768, 775, 773, 734, 755, 747, 739, 761, 792,
             783, 753, 803, 783, 758, 748, 796, 813, 764, 752, 787, 786, 734],
        ),
        ("satimage", 36, [1533, 703, 1358, 626, 707, 1508]),
        # training and test file of the source together
        ("penbased", 16, [1143, 1143, 1144, 1055, 1144, 1055, 1056, 1142, 1055, 1055]),
        ("magic", 10, [12_332, 6_688]),
        ("spambase", 57, [2_788 - 3, 1_813 - 1]),  # four of UCI's messages are not in KEEL
        ("segment", 19, [330] * 7),
    ],
)  # fmt: skip
def test_a_file_has_the_samples_that_its_source_counts(
    name: str, features: int, classes: list[int]
) -> None:
    found = table(name)
    assert found.shape == (sum(classes), features + 1)
    assert np.bincount(found[:, -1].astype(int)).tolist() == classes
    assert ALL[name].input_shape == (features,)
    assert len(ALL[name].class_names) == len(classes)


def test_optdigits_keep_the_split_between_writers_of_their_source() -> None:
    pools = pools_of("optdigits")
    pool = [376, 389, 380, 389, 387, 376, 377, 387, 380, 382]
    test = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(pools.trainval.labels).tolist() == pool
    assert np.bincount(pools.test.labels).tolist() == test


def test_the_test_set_of_optdigits_is_scikit_learns_digits() -> None:
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    test = pools_of("optdigits").test
    assert np.array_equal(flat(test) * 16, theirs.data)
    assert np.array_equal(test.labels, theirs.target)


@pytest.mark.parametrize(
    ("name", "shape", "target", "first"),
    [
        ("concrete", (1030, 9), (2.33, 82.6), [540, 0, 0, 162, 2.5, 1040, 676, 28, 79.99]),
        # 0.23 carat, ideal (5 of 5), colour E (6 of 7), clarity SI2 (2 of 8)
        (
            "diamonds",
            (53_940 - 20 - 3, 10),
            (326, 18_823),
            [0.23, 5, 6, 2, 61.5, 55, 3.95, 3.98, 2.43, 326],
        ),
    ],
)
def test_a_regression_keeps_the_values_of_its_source(
    name: str, shape: tuple[int, int], target: tuple[float, float], first: list[float]
) -> None:
    found = table(name)
    assert found.shape == shape
    assert (found[:, -1].min(), found[:, -1].max()) == target
    assert found[0].tolist() == first


def test_no_diamond_has_an_impossible_length() -> None:
    lengths = table("diamonds")[:, 6:9]
    assert lengths.min() > 0
    assert lengths.max() < 30


def test_cut_colour_and_clarity_of_diamonds_rise_from_the_worst() -> None:
    found = table("diamonds")
    counts = [np.bincount(found[:, column].astype(int))[1:].tolist() for column in (1, 2, 3)]
    assert counts[0] == [1609, 4902, 12_080, 13_779, 21_547]  # fair ... ideal
    assert counts[1] == [2808, 5421, 8297, 11_284, 9538, 9795, 6774]  # J ... D
    assert counts[2] == [738, 9184, 13_063, 12_254, 8168, 5066, 3654, 1790]  # I1 ... IF


@pytest.mark.parametrize(
    ("name", "repeated"),
    [("letter", 1332), ("magic", 115), ("spambase", 394), ("segment", 224), ("concrete", 38),
     ("satimage", 0), ("penbased", 0), ("optdigits", 0), ("diamonds", 344)],
)  # fmt: skip
def test_a_sample_that_repeats_another_ones_features_is_left_out(name: str, repeated: int) -> None:
    pools = pools_of(name)
    kept = np.concatenate([flat(pools.trainval), flat(pools.test)])
    assert len(kept) == len(table(name)) - repeated
    assert len(np.unique(kept, axis=0)) == len(kept)


def test_of_equal_samples_the_first_is_kept() -> None:
    inputs = np.array([[2, 0], [1, 1], [2, 0], [0, 5], [1, 1]], np.float32)
    assert first_of_equal(inputs).tolist() == [0, 1, 3]


@pytest.mark.parametrize("name", NAMES)
def test_all_of_the_pool_is_used_by_default(name: str) -> None:
    dataset = ALL[name]
    assert dataset.train_size + dataset.validation_size == len(dataset.load(None, False).trainval)


@pytest.mark.parametrize(
    ("name", "accuracy"),
    [
        # of one nearest neighbour: 0.952 of Slate's letters and 0.980 in the source of optdigits
        ("letter", 0.95), ("optdigits", 0.98), ("penbased", 0.99), ("satimage", 0.90),
        ("segment", 0.96), ("magic", 0.80), ("spambase", 0.90),
    ],
)  # fmt: skip
def test_the_nearest_neighbour_is_right_as_often_as_is_known(name: str, accuracy: float) -> None:
    pools = pools_of(name)
    train, test = flat(pools.trainval), flat(pools.test)
    if name in ("magic", "spambase", "segment"):  # features of very different scales
        mean, deviation = train.mean(0), train.std(0)
        deviation[deviation == 0] = 1
        train, test = (train - mean) / deviation, (test - mean) / deviation
    found = neighbors.KNeighborsClassifier(1).fit(train, pools.trainval.labels)
    assert abs(found.score(test, pools.test.labels) - accuracy) < 0.02


@pytest.mark.parametrize(
    ("name", "low", "high"), [("concrete", 0.5, 0.7), ("diamonds", 0.88, 0.93)]
)
def test_a_line_explains_as_much_as_is_known(name: str, low: float, high: float) -> None:
    pools = pools_of(name)
    line = linear.LinearRegression().fit(pools.trainval.inputs, pools.trainval.labels)
    assert low < line.score(pools.test.inputs, pools.test.labels) < high


def test_waveforms_are_as_hard_as_their_book_says() -> None:
    """Of 300 training samples: 78 % by the nearest neighbour; the best rule is right in 86 %."""
    draw = WAVEFORM.draw
    assert draw is not None
    train = draw(300, seed=0, stream="train")
    test = draw(10_000, seed=0, stream="test")
    nearest = neighbors.KNeighborsClassifier(1).fit(train.inputs, train.labels)
    assert abs(nearest.score(test.inputs, test.labels) - 0.78) < 0.03
    # for a large sample a line through (1, x) is close to the best rule
    large = draw(20_000, seed=1, stream="train")
    columns = np.column_stack([large.inputs, np.ones(len(large))])
    weights = np.linalg.lstsq(columns, np.eye(3)[large.labels], rcond=None)[0]
    right = (np.column_stack([test.inputs, np.ones(len(test))]) @ weights).argmax(1)
    assert 0.84 < (right == test.labels).mean() < 0.88


def test_a_waveform_is_the_mean_of_its_two_waves() -> None:
    assert WAVEFORM.draw is not None
    drawn = WAVEFORM.draw(30_000, seed=0, stream="train")
    first, second, third = (
        np.array([max(6 - abs(point - peak), 0) for point in range(1, 22)]) for peak in (11, 15, 7)
    )
    for label, pair in enumerate([first + second, first + third, second + third]):
        found = drawn.inputs[drawn.labels == label].mean(0)
        # noise of deviation 1, and shares of deviation 0.29 between waves up to 6 apart, of 10,000
        assert np.abs(found - pair / 2).max() < 5 * 2 / 100


def test_friedmans_targets_are_scikit_learns_with_noise_of_deviation_one() -> None:
    make = pytest.importorskip("sklearn.datasets").make_friedman1
    inputs, targets = make(500, n_features=10, noise=0.0, random_state=0)
    assert np.allclose(signal(inputs), targets)
    assert FRIEDMAN.draw is not None
    drawn = FRIEDMAN.draw(50_000, seed=0, stream="train")
    noise = drawn.labels - signal(drawn.inputs)
    assert abs(noise.std() - 1) < 5 / np.sqrt(2 * 50_000)
    assert abs(np.corrcoef(noise, drawn.inputs[:, 9])[0, 1]) < 5 / np.sqrt(50_000)
    assert abs(signal(drawn.inputs).var() - 23.8) < 0.5


def test_a_changed_file_is_refused_and_a_missing_one_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Embedded(name="segment", sha256="0" * 64)
    with pytest.raises(NnbenchError, match=r"not the one that was checked(.|\n)*git checkout"):
        source.load(None, False)
    monkeypatch.setattr("nnbench.datasets.sources.embedded.FILES", tmp_path)
    with pytest.raises(NnbenchError, match=r"'segment'(.|\n)*cannot be read(.|\n)*git checkout"):
        replace(source).load(None, False)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_registered_installed_and_its_origin_told(name: str) -> None:
    root = Path(__file__).parent.parent
    package_data = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert name in ALL
    assert "datasets/files/*" in package_data["tool"]["setuptools"]["package-data"]["nnbench"]
    assert f"`{name}`" in (FILES / "README.md").read_text(encoding="utf-8")


def test_every_data_set_is_of_images_signals_or_tables() -> None:
    kinds: dict[str, set[str]] = {}
    for name, dataset in ALL.items():
        kinds.setdefault(input_kind(dataset), set()).add(name)
    assert kinds == {
        "image": {"mnist5k", "digits", "optdigits", "mnist", "fashion_mnist", "cifar10",
                  "cifar100", "cifar_everyday"},
        "signal": {"mnist1d", "waveform"},
        "table": {"coin_flip", "random_inputs", "xor", "wine", "breast_cancer", "diabetes", "letter",
                  "satimage", "penbased", "magic", "spambase", "segment", "concrete", "diamonds",
                  "friedman1"},
    }  # fmt: skip


def test_own_inputs_of_two_dimensions_are_signals() -> None:
    assert input_kind(replace(WAVEFORM, name="own", input_shape=(3, 100))) == "signal"
    assert input_kind(replace(WAVEFORM, name="own")) == "table"
