"""How often claims err that are looked at several times: the table in docs/statistics.md, simulated again."""

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
from nnbench.claims.looks import LOOKS, share_of
from nnbench.verdicts.looks import is_settled

TEXT = (Path(__file__).parent.parent / "docs" / "statistics.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| `(\w+)` \| ([-\d., ]+) \| ([\d.]+) \| up to 40, mean (\d+) \|([ \d|]+)\|$",
    TEXT,
    re.MULTILINE,
)
REPEATS = 60


def test_the_table_has_every_kind_that_is_judged() -> None:
    assert {kind for kind, *_ in ROWS} == {"order", "best", "exists", "differs", "equal"}


@pytest.mark.parametrize(("kind", "means", "margin", "blocks", "percent"), ROWS)
def test_looks_err_as_often_as_the_documentation_says(
    kind: str,
    means: str,
    margin: str,
    blocks: str,
    percent: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "nnbench.verdicts.rules.power_of", lambda *_, **__: None
    )  # slow, of no weight
    offsets = np.array([float(part) for part in means.split(",")])
    names = "ABCDEF"[: len(offsets)]
    pairs, rng, own = (
        rules(kind, names, float(margin)),
        np.random.default_rng(21),
        cast("Kind", kind),
    )
    count, taken = Counter[str](), 0
    for _ in range(REPEATS):
        runs = rng.normal(0, math.sqrt(0.5), (len(offsets), LOOKS[-1])) + offsets[:, None]
        for number in LOOKS:
            given = dict(zip(names, runs[:, :number], strict=True))
            found = verdict_of(given, pairs, kind=own, share=share_of(number))
            if is_settled(own, found.verdict, found.reason, found.pairs):
                break
        count[found.verdict] += 1
        taken += number
    shares = np.array([count[outcome] / REPEATS for outcome in COLUMNS])
    expected = np.array([float(part) for part in percent.split("|")]) / 100
    at_least = np.maximum(expected, 0.005)  # printed rounded
    tolerance = 0.01 + 3 * np.sqrt(at_least * (1 - at_least) / REPEATS)
    assert np.all(np.abs(shares - expected) <= tolerance), f"measured {shares}"
    assert taken / REPEATS == pytest.approx(int(blocks), abs=5)
