"""Samples that belong together: equal ones, or those of one patient, go to the pool or to the test set as one."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Inputs, Labels, Rows, Targets
from nnbench.datasets.splits import share_rows
from nnbench.errors import NnbenchError

Counts = npt.NDArray[np.int64]
LEAST_IN_POOL = 2  # of each class: one for training and one for validation


def equal_inputs(inputs: Inputs) -> Rows:
    """A number for each sample, the same for samples of the same inputs."""
    flat = np.ascontiguousarray(inputs.reshape(len(inputs), -1))
    if flat.dtype.kind == "f":
        flat = flat + np.zeros((), flat.dtype)  # -0 becomes 0, which is equal and has other bytes
    whole = flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1]))).ravel()
    numbers: Rows = np.unique(whole, return_inverse=True)[1].astype(np.int64)
    return numbers


def joined(first: Rows, second: Rows) -> Rows:
    """Groups that keep together what either of two groupings does."""
    groups = first
    while True:
        wider = _lowest(_lowest(groups, second), first)
        if np.array_equal(wider, groups):
            return groups
        groups = wider


def _lowest(groups: Rows, within: Rows) -> Rows:
    least = np.full(int(within.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, within, groups)
    found: Rows = least[within]
    return found


def share_groups(
    labels: Labels | Targets, groups: Rows, *, test_share: float, seed: int
) -> tuple[Rows, Rows]:
    """The rows of pool and test, as ``share_rows`` has them but for whole groups.

    Groups come in random order, and go to the test set as long as it has room for all of their samples.
    Raises NnbenchError if a class then lacks samples on either side.
    """
    whole = np.zeros(len(labels), np.int64)  # of a regression, one stratum
    strata = labels.astype(np.int64) if labels.dtype == np.int64 else whole
    pool, test = share_rows(labels, test_share=test_share, seed=seed)
    in_test = _chosen(strata, groups, room=np.bincount(strata[test]), seed=seed)
    _check_both_sides(strata, in_test)
    words = np.random.PCG64(seed).random_raw(len(labels))
    order = np.concatenate([pool, test])[np.argsort(words, kind="stable")]
    return order[~in_test[order]], order[in_test[order]]


def _chosen(strata: Rows, groups: Rows, *, room: Counts, seed: int) -> npt.NDArray[np.bool_]:
    """Whether each sample is in the test set: groups that fit, then any that a class without one needs."""
    in_test = np.zeros(len(strata), np.bool_)
    taken, half = np.zeros_like(room), np.bincount(strata) // 2
    for limit, needed_alone in ((room, False), (half, True)):
        for rows in _in_random_order(groups, seed):
            counts = np.bincount(strata[rows], minlength=len(room))
            wanted = not needed_alone or counts[taken == 0].any()
            if wanted and not in_test[rows[0]] and (taken + counts <= limit).all():
                in_test[rows] = True
                taken = taken + counts
    return in_test


def _in_random_order(groups: Rows, seed: int) -> Iterator[Rows]:
    order = np.argsort(groups, kind="stable")
    each = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    words = np.random.PCG64(seed).random_raw(len(each))
    yield from (each[index] for index in np.argsort(words, kind="stable"))


def _check_both_sides(strata: Rows, in_test: npt.NDArray[np.bool_]) -> None:
    for label in range(int(strata.max()) + 1):
        test = int(in_test[strata == label].sum())
        pool = int((strata == label).sum()) - test
        if test < 1 or pool < LEAST_IN_POOL:
            raise NnbenchError(
                "samples that are kept together leave a class out of the test set or of the rest",
                got=f"class {label}: {test} samples for the test, {pool} for the rest",
                allowed=f"at least 1 for the test, and {LEAST_IN_POOL} for the rest",
                todo="add groups that hold this class, or change test_share or split_seed",
            )
