"""A fixed, stratified split for data that come without one.

Every order comes from raw PCG64 words, which numpy keeps stable across its versions (NEP 19), so a split
never changes. Pool and test set are both in random order.
"""

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Arrays, Labels, Pools, Rows, Targets, take

# For regression, samples sorted by target are divided between pool and test in groups of this size.
STRATUM = 10


def stratified(arrays: Arrays, *, test_per_class: int, seed: int) -> Pools:
    """Put equally many random samples of each class into the test set, the rest into the pool."""
    strata = arrays.labels.astype(np.int64)
    wanted = np.full(len(np.unique(strata)), test_per_class)
    return _taken(arrays, _divide(strata, wanted, seed=seed))


def stratified_share(arrays: Arrays, *, test_share: float, seed: int) -> Pools:
    """Put the same share of each class into the test set; see ``share_rows``."""
    return _taken(arrays, share_rows(arrays.labels, test_share=test_share, seed=seed))


def share_rows(labels: Labels | Targets, *, test_share: float, seed: int) -> tuple[Rows, Rows]:
    """The rows of pool and test, with the same share of each class in the test set.

    The test set has ``test_share`` of all samples to the nearest integer, and each class gives its share to
    within one. Every class keeps a sample in the test set and, if it has three, two in the pool. Regression
    targets (float32) are divided in groups of ten adjacent in sorted order.
    """
    if labels.dtype == np.int64:
        strata = labels.astype(np.int64)
        counts = np.unique(strata, return_counts=True)[1]
        wanted = np.clip(_shares(counts, test_share), 1, np.maximum(1, counts - 2))
    else:
        ranks = np.empty(len(labels), np.int64)
        ranks[np.argsort(labels, kind="stable")] = np.arange(len(labels))
        strata = ranks // STRATUM
        wanted = _shares(np.bincount(strata), test_share)
    return _divide(strata, wanted, seed=seed)


def _shares(counts: npt.NDArray[np.int64], share: float) -> npt.NDArray[np.int64]:
    """A share of each count in integers, whose cumulative sums are the rounded cumulative shares."""
    rounded = np.floor(share * np.cumsum(counts) + 0.5).astype(np.int64)
    shares: Labels = np.diff(rounded, prepend=0)
    return shares


def _divide(strata: Labels, wanted: npt.NDArray[np.int64], *, seed: int) -> tuple[Rows, Rows]:
    """Rows of pool and test, with ``wanted`` random test samples from each stratum in sorted order.

    Choosing and shuffling use separate words: if the pool were in the order that chose the test set, it would
    begin with the most frequent classes.
    """
    chooser, shuffler = np.random.PCG64(seed).random_raw((2, len(strata)))
    order = np.argsort(chooser, kind="stable")
    grouped = order[np.argsort(strata[order], kind="stable")]  # random within each stratum
    _, starts, counts = np.unique(strata[grouped], return_index=True, return_counts=True)
    rank = np.arange(len(strata)) - np.repeat(starts, counts)  # within the stratum
    test = np.zeros(len(strata), np.bool_)
    test[grouped[rank < np.repeat(wanted, counts)]] = True
    shuffled = np.argsort(shuffler, kind="stable")
    return shuffled[~test[shuffled]], shuffled[test[shuffled]]


def _taken(arrays: Arrays, rows: tuple[Rows, Rows]) -> Pools:
    pool, test = rows
    return Pools(trainval=take(arrays, pool), test=take(arrays, test))
