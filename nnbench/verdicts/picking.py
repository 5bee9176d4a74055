"""A level that is chosen among candidates: which are offered in a block, and which is taken.

The test set does not take part: a candidate is chosen by a training or validation metric.
"""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from nnbench.cells.cell import canonical
from nnbench.experiments.measured import JsonObject
from nnbench.metrics import METRICS


def candidate_names(settings: Sequence[JsonObject]) -> list[str]:
    """Each candidate by the settings that not all share, as canonical JSON."""
    varied = differing(settings)
    return [canonical({key: one[key] for key in varied}) for one in settings]


def differing(settings: Sequence[JsonObject]) -> list[str]:
    """The keys whose values are not the same everywhere."""
    first = settings[0]
    return [key for key in first if any(other[key] != first[key] for other in settings)]


def drawn_candidates(names: Sequence[str], seed: int, draws: int | None) -> list[int]:
    """Which of a pick's candidates a block may choose among, by number; ``draws`` None: all.

    A PCG64 stream of the block's own, seeded by the SHA-256 of the candidates' names and the seed,
    gives each candidate a raw 64-bit number, and the ``draws`` lowest are drawn. Raw streams are the
    same on every machine and in every version of numpy; the names are settings, so that an edit of the
    code draws the same ones.
    """
    if draws is None or draws >= len(names):
        return list(range(len(names)))
    digest = hashlib.sha256(canonical([*names, seed]).encode()).digest()
    numbers = np.random.PCG64(int.from_bytes(digest, "big")).random_raw(len(names))
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
