"""A fixed, stratified split of data that come without one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Arrays, Pools


def stratified(arrays: Arrays, *, test_per_class: int, seed: int) -> Pools:
    """Put equally many random samples of each class into the test set, the rest into the pool.

    Both parts come in random order. All order is that of raw PCG64 words, which numpy keeps stable
    over its versions (NEP 19), so the split never changes. Choosing and shuffling need a word each:
    in the order that chose the test set, the pool would begin with the most frequent classes.

    Args:
        arrays: All samples.
        test_per_class: Test samples of each class.
        seed: Of the split; a constant of the dataset.
    """
    chooser, shuffler = np.random.PCG64(seed).random_raw((2, len(arrays)))
    order = np.argsort(chooser, kind="stable")
    labels = arrays.labels[order]
    test = np.zeros(len(arrays), np.bool_)
    for label in np.unique(labels):
        test[order[labels == label][:test_per_class]] = True
    shuffled = np.argsort(shuffler, kind="stable")
    return Pools(
        trainval=_take(arrays, shuffled[~test[shuffled]]),
        test=_take(arrays, shuffled[test[shuffled]]),
    )


def _take(arrays: Arrays, index: npt.NDArray[np.int64]) -> Arrays:
    return Arrays(inputs=arrays.inputs[index], labels=arrays.labels[index])
