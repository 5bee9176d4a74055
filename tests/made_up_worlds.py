"""Made-up worlds whose truth is known: how often words are right and intervals cover it.

``PYTHONPATH=. python tests/made_up_worlds.py`` prints the tables of docs/statistics.md (minutes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import get_args

import numpy as np

from nnbench.claims.outcomes import PairRule
from nnbench.verdicts.general import in_general
from nnbench.verdicts.general_pairs import Word
from nnbench.verdicts.pooling import Effect, pool

MARGIN, SPREAD, NOISE, BLOCKS = 0.5, 0.2, 0.4, 5
SHARED = 0.5  # of the variance of true effects lies between data sets
PAIR = PairRule(better="A", worse="B", margin=MARGIN)
DESIGNS = ((5, 1), (4, 2), (6, 2), (8, 3), (12, 4))  # data sets, contexts on each

# the true mean effect on each of so many data sets
WORLDS: dict[str, Callable[[int], list[float]]] = {
    "1 everywhere": lambda n: [1.0] * n,
    "0.3 everywhere, below the margin": lambda n: [0.3] * n,
    "none": lambda n: [0.0] * n,
    "reversed, −1 everywhere": lambda n: [-1.0] * n,
    "1 on half of the data sets, −1 on the others": lambda n: [(-1.0) ** i for i in range(n)],
    "1, but −1 on one data set": lambda n: [-1.0] + [1.0] * (n - 1),
    "none, but 3 on one data set": lambda n: [3.0] + [0.0] * (n - 1),
}


def made_up(
    rng: np.random.Generator,
    means: Sequence[float],
    *,
    each: int,
    spread: float = SPREAD,
    noise: float = NOISE,
) -> list[Effect]:
    """Effects in ``each`` contexts per data set, measured in five blocks."""
    found = []
    for dataset, mean in enumerate(means):
        centre = rng.normal(mean, spread * SHARED**0.5)
        for context in range(each):
            truth = rng.normal(centre, spread * (1 - SHARED) ** 0.5)
            runs = rng.normal(truth, noise, BLOCKS)
            found.append(
                Effect(
                    context=f"d{dataset}c{context}",
                    dataset=f"d{dataset}",
                    difference=float(runs.mean()),
                    standard_error=float(runs.std(ddof=1) / BLOCKS**0.5),
                    blocks=BLOCKS,
                )
            )
    return found


def words(
    world: str, *, datasets: int, each: int, repeats: int, noise: float = NOISE, seed: int = 20
) -> dict[Word, float]:
    """How often each word is given, in percent."""
    rng = np.random.default_rng(seed)
    means = WORLDS[world](datasets)
    count = Counter(
        in_general([(PAIR, made_up(rng, means, each=each, noise=noise))], kind="best").word
        for _ in range(repeats)
    )
    return {word: 100 * count[word] / repeats for word in get_args(Word)}


def coverage(
    *, datasets: int, each: int, spread: float, repeats: int, seed: int = 20
) -> tuple[float, float, float]:
    """How often intervals cover the truth, in percent: independent, pooled, prediction."""
    rng = np.random.default_rng(seed)
    hits = np.zeros(3)
    for _ in range(repeats):
        new = rng.normal(0, spread)
        pooled = pool(made_up(rng, [0.0] * datasets, each=each, spread=spread), without_each=False)
        hits += [
            pooled.independent[0] <= 0 <= pooled.independent[1],
            pooled.low <= 0 <= pooled.high,
            pooled.prediction_low <= new <= pooled.prediction_high,
        ]
    independent, clustered, prediction = (100 * hits / repeats).tolist()
    return independent, clustered, prediction


def coverage_table() -> Iterator[str]:
    """Rows of docs/statistics.md."""
    for datasets, each in DESIGNS:
        for spread in (0.0, 0.2, 0.5):
            rates = coverage(datasets=datasets, each=each, spread=spread, repeats=2000)
            cells = " | ".join(f"{rate:.0f}" for rate in rates)
            yield f"| {datasets * each} | {datasets} | {spread} | {cells} |"


def words_table(designs: Sequence[tuple[int, int]], *, noise: float) -> Iterator[str]:
    """Rows of docs/statistics.md: a world each, with a column per design."""
    for world in WORLDS:
        cells = [
            "/".join(
                f"{share:.0f}"
                for share in words(
                    world, datasets=datasets, each=each, noise=noise, repeats=400
                ).values()
            )
            for datasets, each in designs
        ]
        yield f"| {world} | {' | '.join(cells)} |"


if __name__ == "__main__":
    for table in (
        coverage_table(),
        words_table(DESIGNS, noise=NOISE),
        words_table([(6, 2)], noise=1.0),
    ):
        print(*table, sep="\n", end="\n\n", flush=True)
