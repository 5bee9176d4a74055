"""Validation samples of fixed data whose samples belong together: no group is in training and validation."""

import numpy as np

from nnbench.datasets.base import Rows


def apart(order: Rows, groups: Rows, kept: int) -> tuple[Rows, Rows]:
    """Rows ``(kept,)`` for validation and those of no group among them, both as ``order`` has them.

    Groups are taken in order as long as there is room for all of their samples. What room is then left goes
    to some samples of the smallest other group, the first in order, whose further ones are in neither part.
    """
    _, first, members, counts = np.unique(
        groups[order], return_index=True, return_inverse=True, return_counts=True
    )
    taken = np.zeros(len(counts), np.bool_)
    room = kept
    for group in np.argsort(first).tolist():
        if counts[group] <= room:
            taken[group] = True
            room -= int(counts[group])
    validation = taken[members]
    rest = ~validation
    if room:
        smallest = int(np.lexsort((first, np.where(taken, len(order) + 1, counts)))[0])
        validation[np.flatnonzero(members == smallest)[:room]] = True
        rest &= members != smallest
    return order[validation], order[rest]


def most_left_out(groups: Rows, kept: int) -> int:
    """How many samples may be in neither part, whatever the order: the same for all replicates.

    A group is divided only if all smaller ones are in validation and leave room.
    """
    counts = np.sort(np.unique(groups, return_counts=True)[1])
    smaller = np.array([counts[counts < size].sum() for size in np.unique(counts)])
    return int(np.unique(counts)[smaller < kept].max()) - 1
