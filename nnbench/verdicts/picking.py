"""A level that is chosen among candidates: which are offered in a block, and which is taken.

The test set has no part in it: a candidate is chosen by a training or validation metric.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from nnbench.cells.cell import canonical
from nnbench.metrics import METRICS


def drawn_candidates(cells: Sequence[str], seed: int, draws: int | None) -> list[int]:
    """Which of a pick's candidates a block may choose among; None: all.

    A PCG64 stream of the block's own, seeded by the SHA-256 of the cells' ids and the seed, gives
    each candidate a raw 64-bit number, and the ``draws`` lowest are drawn. Raw streams are the same
    on every machine and in every version of numpy.
    """
    if draws is None or draws >= len(cells):
        return list(range(len(cells)))
    digest = hashlib.sha256(canonical([*cells, seed]).encode()).digest()
    numbers = np.random.PCG64(int.from_bytes(digest, "big")).random_raw(len(cells))
    return sorted(np.argsort(numbers, kind="stable")[:draws].tolist())


def choose(block: pd.DataFrame, by: str, *, among: Sequence[int]) -> int | None:
    """The row with the best value of a metric, the first of equal ones; None if no run has one."""
    values, status = block[by].tolist(), block["status"].tolist()
    sign = 1.0 if METRICS[by].lower_is_better else -1.0
    able = [i for i in among if status[i] in ("ok", "capped") and not math.isnan(values[i])]
    return min(able, key=lambda i: sign * values[i], default=None)


def fallback(block: pd.DataFrame, *, among: Sequence[int]) -> int | None:
    """Where no candidate can be chosen: the first that diverged; None: the block is lost."""
    status = block["status"].tolist()
    return next((i for i in among if status[i] == "diverged"), None)


def rank_correlation(block: pd.DataFrame, by: str, metric: str) -> float:
    """Spearman's correlation of two metrics over candidates, both turned so that more is better.

    NaN where a metric has fewer than three values or is the same everywhere.
    """
    both = block[[by, metric]].dropna()
    if len(both) < 3 or (both.nunique() < 2).any():
        return float("nan")
    sign = 1.0 if METRICS[by].lower_is_better == METRICS[metric].lower_is_better else -1.0
    return sign * float(both.iloc[:, 0].rank().corr(both.iloc[:, 1].rank()))


def metric_about(metric: str, by: str) -> str:
    """What a pick's candidates are compared in: the claim's metric.

    A claim about the rank correlation itself is about the same quantity of the test set.
    """
    return metric if metric != "rank_correlation" else f"test_{by.partition('_')[2]}"
