"""Made-up measurements with exact means and deviations, for the tests of verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nnbench.claims.kinds import Kind, order_rules
from nnbench.claims.outcomes import PairRule
from nnbench.metrics import Scale
from nnbench.verdicts.rules import PairTest, Shared, Verdict, judge

Floats = npt.NDArray[np.float64]
Values = Mapping[str, Sequence[float]]
MARGIN = 0.5


def levels(*offsets: float, spread: float = 1.0, blocks: int = 10) -> Values:
    """Levels A, B, … whose paired differences have exactly these means and this SD."""
    powers = np.vander(np.arange(blocks) - 0.3, len(offsets) + 1, increasing=True)
    noise = np.linalg.qr(powers)[0][:, 1:] * math.sqrt((blocks - 1) / 2) * spread
    common = np.sin(np.arange(blocks)) * 7  # what a block shares cancels
    return {
        name: (offset + common + noise[:, column]).tolist()
        for column, (name, offset) in enumerate(zip("ABCDEF", offsets, strict=False))
    }


def rule(better: str, worse: str, *, tie: bool = False, margin: float = MARGIN) -> PairRule:
    return PairRule(better=better, worse=worse, margin=margin, tie=tie)


def chain(names: str = "ABC", *, margin: float = MARGIN) -> list[PairRule]:
    """The rules of an order claim with one margin for every pair."""
    claimed = {name: -float(place) for place, name in enumerate(names)}
    return [
        PairRule(better=r.better, worse=r.worse, margin=margin, role=r.role)
        for r in order_rules(claimed, lower_is_better=False, scale="raw", default_margin=margin)
    ]


def verdict_of(
    values: Values,
    rules: Sequence[PairRule],
    *,
    kind: Kind = "order",
    lower_is_better: bool = False,
    scale: Scale = "raw",
    censored: dict[str, list[bool]] | None = None,
    excluded: dict[str, list[bool]] | None = None,
    elsewhere: Sequence[float] = (),
    share: float = 1.0,
) -> Verdict:
    return judge(
        values,
        rules=rules,
        kind=kind,
        lower_is_better=lower_is_better,
        scale=scale,
        censored=censored,
        excluded=excluded,
        shared=Shared(elsewhere=elsewhere, share=share),
    )


def statuses(verdict: Verdict) -> list[str]:
    return [pair.status for pair in verdict.pairs]


def only_pair(values: Values, *, tie: bool = False) -> PairTest:
    return verdict_of(values, [rule("A", "B", tie=tie)]).pairs[0]


def random_levels(seed: int) -> Values:
    """Three noisy levels: gaps, spreads and the number of blocks differ from seed to seed."""
    rng = np.random.default_rng(seed)
    blocks, gap = int(rng.integers(5, 13)), float(rng.choice([0, 0.1, 0.5, 1]))
    scale = float(rng.choice([0.1, 0.5, 1]))
    return {
        name: (place * gap + rng.normal(0, scale, blocks)).tolist()
        for place, name in enumerate("CBA")
    }
