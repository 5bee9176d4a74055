"""docs/statistics.md promises how often words are right and intervals cover: simulated again."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from made_up_worlds import DESIGNS, NOISE, WORLDS, coverage, words
from project import ROOT

from nnbench.verdicts.general_pairs import Word

_PAGE = (ROOT / "docs/statistics.md").read_text(encoding="utf-8")
_SECTION = _PAGE.split("\n## In general\n")[1].split("\n## ")[0]
TABLES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in _SECTION.splitlines()
    if line.startswith("| ")
]
PROMISED = {
    row[0]: [np.array(c.split("/"), float) for c in row[1:]] for row in TABLES if row[0] in WORLDS
}
COVERED = {
    tuple(map(float, row[:3])): np.array(row[3:], float) for row in TABLES if row[0].isdigit()
}


def tolerance(percent: np.ndarray, *repeats: int) -> np.ndarray:
    """Four standard deviations of the difference of two shares, and what rounding hides."""
    share = np.clip(percent / 100, 0.01, 0.99)
    return 1 + 400 * np.sqrt(share * (1 - share) * sum(1 / n for n in repeats))


def test_the_tables_are_there() -> None:
    assert set(PROMISED) == set(WORLDS)
    assert {len(row) for row in PROMISED.values()} == {len(DESIGNS) + 1}
    assert len(COVERED) == 3 * len(DESIGNS)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("column", "design", "noise"),
    [pytest.param(1, (4, 2), NOISE, id="8x4"), pytest.param(2, (6, 2), NOISE, id="12x6")],
)
def test_words_are_given_as_often_as_the_documentation_promises(
    world: str, column: int, design: tuple[int, int], noise: float
) -> None:
    datasets, each = design
    shares = words(world, datasets=datasets, each=each, noise=noise, repeats=60, seed=7)
    promised = PROMISED[world][column]
    assert (abs(np.array(list(shares.values())) - promised) <= tolerance(promised, 60, 400)).all()


def test_of_a_hundred_made_up_worlds_nine_in_ten_get_the_right_word_and_none_is_called_general() -> (
    None
):
    right: dict[str, Word] = {
        "1 everywhere": "general",
        "none": "absent or reversed",
        "reversed, −1 everywhere": "absent or reversed",
        "1 on half of the data sets, −1 on the others": "depends",
        "1, but −1 on one data set": "depends",
    }
    given = {w: words(w, datasets=6, each=2, repeats=20, seed=11) for w in right}
    assert np.mean([given[world][word] for world, word in right.items()]) >= 90
    assert max(given[world]["general"] for world, word in right.items() if word != "general") == 0


@pytest.mark.parametrize(("datasets", "each", "spread"), [(5, 1, 0.2), (4, 2, 0.5), (8, 3, 0.5)])
def test_intervals_cover_the_truth_as_often_as_the_documentation_promises(
    datasets: int, each: int, spread: float
) -> None:
    rates = coverage(datasets=datasets, each=each, spread=spread, repeats=200, seed=7)
    promised = COVERED[datasets * each, datasets, spread]
    assert (abs(np.array(rates) - promised) <= tolerance(promised, 200, 2000)).all()


def test_the_documentation_promises_a_true_pooled_interval_wherever_data_sets_are_shared() -> None:
    for (contexts, datasets, _), (_, pooled, prediction) in COVERED.items():
        if contexts > datasets:
            assert pooled >= 94
            assert prediction >= 94


def test_words_are_those_of_the_documentation() -> None:
    text = (ROOT / "docs/statistics.md").read_text(encoding="utf-8")
    assert all(f"| {word} | " in text for word in get_args(Word))
