"""How often the rules err: the table in docs/statistics.md, simulated again."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from verdict_cases import Floats, chain, rule, verdict_of

from nnbench.claims.kinds import Kind
from nnbench.claims.outcomes import PairRule

COLUMNS = ("reproduced", "reproduced, small", "partly", "contradicted", "inconclusive")
TEXT = (Path(__file__).parent.parent / "docs" / "statistics.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| `(\w+)` \| ([-\d., ]+) \| ([\d.]+) \| (\d+) \|([ \d|]+)\|$", TEXT, re.MULTILINE
)


def rules(kind: str, names: Sequence[str], margin: float) -> list[PairRule]:
    """The pairs of a claim about levels of which the first is claimed to be the best."""
    if kind == "order":
        return chain("".join(names), margin=margin)
    first = kind in ("best", "exists")
    pairs = combinations(names, 2)
    return [rule(a, b, margin=margin) for a, b in pairs if a == names[0] or not first]


def simulated(kind: str, means: Floats, *, margin: float, blocks: int, repeats: int) -> Floats:
    """Shares of the verdicts for levels whose paired differences have a deviation of 1."""
    rng = np.random.default_rng(20)
    runs = rng.normal(0, math.sqrt(0.5), (repeats, len(means), blocks)) + means[:, None]
    names = "ABCDEF"[: len(means)]
    given = rules(kind, names, margin)
    count = Counter(
        verdict_of(dict(zip(names, run, strict=True)), given, kind=cast("Kind", kind)).verdict
        for run in runs
    )
    return np.array([count[outcome] / repeats for outcome in COLUMNS])


def test_the_table_has_every_kind_that_is_judged() -> None:
    assert {kind for kind, *_ in ROWS} == {"order", "best", "exists", "differs", "equal"}
    assert len(ROWS) >= 20


@pytest.mark.parametrize(("kind", "means", "margin", "blocks", "percent"), ROWS)
def test_the_rules_err_as_often_as_the_documentation_says(
    kind: str, means: str, margin: str, blocks: str, percent: str
) -> None:
    repeats = 200
    expected = np.array([float(part) for part in percent.split("|")]) / 100
    at_least = np.maximum(expected, 0.005)  # printed rounded
    tolerance = 0.01 + 3 * np.sqrt(at_least * (1 - at_least) / repeats)
    offsets = np.array([float(part) for part in means.split(",")])
    shares = simulated(kind, offsets, margin=float(margin), blocks=int(blocks), repeats=repeats)
    assert np.all(np.abs(shares - expected) <= tolerance), f"measured {shares}"
