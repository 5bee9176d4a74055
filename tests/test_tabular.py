"""The tables inside scikit-learn: their values, their split, and what is known to be in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnbench.datasets.base import Arrays, check_pools
from nnbench.datasets.prepared.files import array_sha256
from nnbench.datasets.splits import share_rows, stratified_share
from nnbench.datasets.tables import BREAST_CANCER, DIABETES, WINE

TABLES: dict[str, Any] = {"wine": WINE, "breast_cancer": BREAST_CANCER, "diabetes": DIABETES}


def theirs(name: str) -> tuple[np.ndarray, np.ndarray]:
    sklearn = pytest.importorskip("sklearn.datasets")
    options = {"scaled": False} if name == "diabetes" else {}
    inputs, targets = getattr(sklearn, f"load_{name}")(return_X_y=True, **options)
    return inputs, targets


def rows(inputs: np.ndarray, targets: np.ndarray) -> list[bytes]:
    """Every sample with its target, in sorted order."""
    both = np.column_stack([inputs, targets]).astype(np.float32)
    return sorted(row.tobytes() for row in both)


@pytest.mark.parametrize("name", TABLES)
def test_pool_and_test_together_are_what_scikit_learn_has(name: str) -> None:
    pools = TABLES[name].load(None, False)
    inputs = np.concatenate([pools.trainval.inputs, pools.test.inputs])
    labels = np.concatenate([pools.trainval.labels, pools.test.labels])
    assert rows(inputs, labels) == rows(*theirs(name))
    check_pools(TABLES[name], pools)


@pytest.mark.parametrize(
    ("name", "pool", "test"),
    [
        # 30 % of 59, 71, 48 and of 212, 357, each to within one, together 53.4 and 170.7 rounded
        ("wine", [41, 50, 34], [18, 21, 14]),
        ("breast_cancer", [148, 250], [64, 107]),
    ],
)
def test_thirty_percent_of_each_class_are_for_the_test(
    name: str, pool: list[int], test: list[int]
) -> None:
    pools = TABLES[name].load(None, False)
    assert np.bincount(pools.trainval.labels).tolist() == pool
    assert np.bincount(pools.test.labels).tolist() == test


@pytest.mark.parametrize("name", TABLES)
def test_all_of_the_pool_is_used_by_default(name: str) -> None:
    dataset = TABLES[name]
    pools = TABLES[name].load(None, False)
    assert dataset.train_size + dataset.validation_size == len(pools.trainval)
    assert dataset.scaling == "feature"


@pytest.mark.parametrize(
    ("name", "checksums"),
    [
        ("wine", ("cccaf7b76065f27d", "0e9c9e535bb0ba1c")),
        ("breast_cancer", ("d7de496e31876811", "0594c34996e9497f")),
        ("diabetes", ("b3697776f743f903", "8cb0019f90a285b1")),
    ],
)
def test_the_split_never_changes(name: str, checksums: tuple[str, str]) -> None:
    pools = TABLES[name].load(None, False)
    found = tuple(array_sha256(part.inputs)[:16] for part in (pools.trainval, pools.test))
    assert found == checksums


def test_diabetes_keeps_the_scales_of_its_source() -> None:
    pools = TABLES["diabetes"].load(None, False)
    inputs = np.concatenate([pools.trainval.inputs, pools.test.inputs])
    age, sex = inputs[:, 0], inputs[:, 1]
    assert (age.min(), age.max()) == (19, 79)
    assert set(sex.tolist()) == {1.0, 2.0}
    labels = np.concatenate([pools.trainval.labels, pools.test.labels])
    assert (labels.dtype, labels.min(), labels.max()) == (np.float32, 25, 346)


def test_of_ten_neighbours_in_the_target_three_are_for_the_test() -> None:
    pools = TABLES["diabetes"].load(None, False)
    everything = np.concatenate([pools.trainval.labels, pools.test.labels])
    limits = np.sort(everything)[::10]
    # a target that occurs twice can stand on either side of a limit
    inside = np.searchsorted(pools.test.labels[np.argsort(pools.test.labels)], limits)
    assert np.abs(np.diff(inside) - 3).max() <= 2
    assert abs(pools.test.labels.mean() - everything.mean()) < 2  # of a deviation of 77
    assert len(pools.test) == 133  # 30 % of 442 are 132.6


def test_distinct_targets_are_divided_exactly() -> None:
    targets = np.random.default_rng(0).permutation(100).astype(np.float32)
    pool, test = share_rows(targets, test_share=0.3, seed=0)
    assert np.bincount(targets[test].astype(int) // 10).tolist() == [3] * 10
    assert sorted([*pool, *test]) == list(range(100))


@pytest.mark.parametrize("share", [0.01, 0.2, 1 / 3, 0.5, 0.99])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_share_is_met_by_the_whole_and_by_each_class(share: float, seed: int) -> None:
    counts = np.array([40, 3, 157, 300])
    labels = np.repeat(np.arange(4), counts)
    _, test = share_rows(labels, test_share=share, seed=seed)
    found = np.bincount(labels[test], minlength=4)
    # at least one for the test and two for the pool, otherwise the share to within one
    expected = np.clip(share * counts, 1, counts - 2)
    assert (np.abs(found - expected) <= 1).all()
    assert (found >= 1).all()
    assert (counts - found >= 2).all()


def test_both_parts_of_a_split_come_in_random_order() -> None:
    labels = np.repeat(np.arange(2), 500)
    arrays = Arrays(inputs=np.zeros((1000, 1), np.float32), labels=labels)
    pools = stratified_share(arrays, test_share=0.5, seed=0)
    for part in (pools.trainval, pools.test):
        assert abs(part.labels[:100].mean() - 0.5) < 0.25  # five deviations of a hundred coins


def test_another_seed_gives_another_split() -> None:
    labels = np.repeat(np.arange(2), 50)
    first, again, other = (
        share_rows(labels, test_share=0.3, seed=s)[1].tolist() for s in (0, 0, 1)
    )
    assert first == again
    assert sorted(first) != sorted(other)


@pytest.mark.parametrize(("name", "least"), [("wine", 0.9), ("breast_cancer", 0.9)])
def test_a_simple_classifier_finds_what_is_known_to_be_there(name: str, least: float) -> None:
    """Nearest class mean of standardised features: labels and features still belong together."""
    pools = TABLES[name].load(None, False)
    mean, deviation = pools.trainval.inputs.mean(0), pools.trainval.inputs.std(0)
    train, test = ((part.inputs - mean) / deviation for part in (pools.trainval, pools.test))
    centres = np.stack(
        [train[pools.trainval.labels == c].mean(0) for c in np.unique(pools.trainval.labels)]
    )
    nearest = ((test[:, None] - centres) ** 2).sum(-1).argmin(1)
    assert (nearest == pools.test.labels).mean() > least


def test_a_line_explains_half_of_the_diabetes_scores() -> None:
    """Least squares on these data have an R² of 0.52 (Efron et al. 2004 use the same regression)."""
    pools = TABLES["diabetes"].load(None, False)
    train, test = (
        np.column_stack([part.inputs, np.ones(len(part))]).astype(np.float64)
        for part in (pools.trainval, pools.test)
    )
    weights = np.linalg.lstsq(train, pools.trainval.labels.astype(np.float64), rcond=None)[0]
    rest = ((test @ weights - pools.test.labels) ** 2).mean()
    assert 0.35 < 1 - rest / pools.test.labels.var() < 0.6
