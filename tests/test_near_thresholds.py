"""How often claims err that get three times the blocks where ten are near a threshold: the table in docs/statistics.md.

``PYTHONPATH=. python tests/test_near_thresholds.py`` prints it (minutes).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from test_verdict_errors import COLUMNS, rules
from verdict_cases import verdict_of

from nnbench.claims.kinds import Kind
from nnbench.verdicts.rules import PairTest

TEXT = (Path(__file__).parent.parent / "docs" / "statistics.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| `(\w+)` \| ([-\d., ]+) \| ([\d.]+) \| 10 or 30, mean (\d+) \|([ \d|]+)\|$",
    TEXT,
    re.MULTILINE,
)
SIMULATED = (
    ("order", "2, 1, 0"), ("order", "0, 0, 0"), ("best", "1, 0, 0"), ("best", "0.5, 0, 0"), ("best", "0, 0, 0"),
    ("exists", "0, 0, 0"), ("differs", "1, 0"), ("differs", "0, 0"), ("equal", "0, 0"), ("equal", "0.5, 0"),
)  # fmt: skip
MARGIN, REPEATS = 0.5, 100


def is_near(pair: PairTest) -> bool:
    """The rule by which claims of the config have ``seeds_times: 3``."""
    close = abs(abs(pair.difference) - pair.margin) < pair.margin / 2
    return 0.01 < pair.p < 0.1 or close


def simulated(kind: str, means: str, *, repeats: int, seed: int) -> tuple[Counter[str], float]:
    """How often each verdict is given, and after how many blocks on average."""
    offsets = np.array([float(part) for part in means.split(",")])
    names, rng = "ABCDEF"[: len(offsets)], np.random.default_rng(seed)
    pairs, count, taken = rules(kind, names, MARGIN), Counter[str](), 0
    for _ in range(repeats):
        runs = rng.normal(0, math.sqrt(0.5), (len(offsets), 30)) + offsets[:, None]
        for blocks in (10, 30):
            given = dict(zip(names, runs[:, :blocks], strict=True))
            found = verdict_of(given, pairs, kind=cast("Kind", kind))
            if not any(map(is_near, found.pairs)):
                break
        count[found.verdict] += 1
        taken += blocks
    return count, taken / repeats


def test_the_table_has_every_kind_that_is_judged() -> None:
    assert [(kind, means) for kind, means, *_ in ROWS] == list(SIMULATED)


@pytest.mark.parametrize(("kind", "means", "margin", "blocks", "percent"), ROWS)
def test_more_blocks_near_a_threshold_err_as_often_as_the_documentation_says(
    kind: str, means: str, margin: str, blocks: str, percent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "nnbench.verdicts.rules.power_of", lambda *_, **__: None
    )  # slow, of no weight
    assert float(margin) == MARGIN
    count, taken = simulated(kind, means, repeats=REPEATS, seed=5)
    expected = np.array([float(part) for part in percent.split("|")]) / 100
    at_least = np.maximum(expected, 0.005)  # printed rounded
    tolerance = 0.01 + 3.5 * np.sqrt(at_least * (1 - at_least) / REPEATS)
    shares = np.array([count[outcome] / REPEATS for outcome in COLUMNS])
    assert np.all(np.abs(shares - expected) <= tolerance), f"measured {shares}"
    assert abs(taken - float(blocks)) <= 0.5 + 3.5 * 10 / math.sqrt(REPEATS)


if __name__ == "__main__":
    pytest.MonkeyPatch().setattr("nnbench.verdicts.rules.power_of", lambda *_, **__: None)
    for kind, means in SIMULATED:
        count, taken = simulated(kind, means, repeats=4000, seed=20)
        shares = " | ".join(f"{count[outcome] / 40:.0f}" for outcome in COLUMNS)
        print(
            f"| `{kind}` | {means} | {MARGIN} | 10 or 30, mean {taken:.0f} | {shares} |", flush=True
        )
