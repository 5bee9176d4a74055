"""Levels that are picked among candidates: which each block takes, and what the draws rest on."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_up_judge import interval, judged, levels, numbers, table
from made_up_plan import made_up_record, store
from made_up_readings import fill_cells, picked, plan_of
from scipy import stats

from nnbench.verdicts.measurements import (
    candidate_names,
    choose,
    drawn_candidates,
    rank_correlation,
)


def test_each_block_takes_the_candidate_with_the_best_validation_and_reads_its_test(
    tmp_path: Path,
) -> None:
    plan = plan_of(tmp_path, picked())
    use = next(use for use in plan.uses if use.level == "picked")
    rng = np.random.default_rng(3)
    validation, test = rng.uniform(0.1, 1, (4, 5)), rng.uniform(0.1, 1, (4, 5))
    validation[1, 2] = validation[3, 2] = 0.01  # of equal ones the first
    values = {
        cell: {"validation_loss": validation[i].tolist(), "test_loss": test[i].tolist()}
        for i, cell in enumerate(use.cells)
    }
    fill_cells(plan, {"": {"validation_loss": [1.0] * 5, "test_loss": [0.9] * 5}, **values})
    found = levels(judged(plan), "c0")["picked"]
    best = validation.argmin(axis=0)
    assert found["pick"]["chosen"] == {str(s): use.cells[b] for s, b in enumerate(best)}
    assert found["pick"]["chosen"]["2"] == use.cells[1]
    assert list(found["values"].values()) == [test[b, s] for s, b in enumerate(best)]
    correlations = [stats.spearmanr(validation[:, s], test[:, s]).statistic for s in range(5)]
    expected = interval(correlations)
    assert numbers(found["metrics"]["rank_correlation"]) == pytest.approx(expected, rel=1e-9)
    candidates = found["pick"]["candidates"]
    assert [c["chosen"] for c in candidates] == [int((best == i).sum()) for i in range(4)]
    assert [c["settings"] for c in candidates] == [{"lr": v} for v in (0.1, 0.01, 0.001, 0.02)]
    assert candidates[0]["mean"] == pytest.approx(statistics.geometric_mean(test[0]))
    assert found["settings"]["lr"] == "chosen in each block"
    assert (found["cell"], found["cells"]) == (None, list(use.cells))
    measured = table(plan, "measurements")
    assert len(measured) == 10, "one row per level and seed"
    assert len(table(plan, "candidates")) == 20


def test_diverged_and_missing_candidates_are_never_chosen(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, picked())
    use = next(use for use in plan.uses if use.level == "picked")
    scores = {"validation_loss": [0.5] * 5, "test_loss": [0.4] * 5}
    better = {"validation_loss": [0.1] * 5, "test_loss": [0.2] * 5}
    worst = {"validation_loss": [0.9] * 5, "test_loss": [0.3] * 5}
    fill_cells(plan, {"": scores, use.cells[3]: worst})
    for cell_id, states in ((use.cells[0], {"diverged": [0, 1]}), (use.cells[1], {"lost": [0]})):
        cell = plan.cells[cell_id]
        store(plan, cell, made_up_record(cell, better, **states))
    content = judged(plan)
    chosen = levels(content, "c0")["picked"]["pick"]["chosen"]
    first, second, third, _ = use.cells
    assert chosen == {"0": third, "1": second, "2": first, "3": first, "4": first}
    assert levels(content, "c0")["picked"]["diverged"] == 0

    for cell_id in use.cells:
        cell = plan.cells[cell_id]
        store(plan, cell, made_up_record(cell, better, diverged=[4]))
    level = levels(judged(plan), "c0")["picked"]
    assert (level["diverged"], level["seed_status"]["4"]) == (1, "diverged")
    assert level["values"]["4"] == pytest.approx(math.log(10))
    assert level["pick"]["chosen"]["4"] is None


def test_a_random_search_chooses_among_its_draws_of_the_block(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, picked(draws=3))
    use = next(use for use in plan.uses if use.level == "picked")
    assert len(use.cells) == 12
    values = {
        cell: {"validation_loss": [1 + i / 10] * 5, "test_loss": [1 + i / 10] * 5}
        for i, cell in enumerate(use.cells)
    }
    fill_cells(plan, {"": {"test_loss": [5.0] * 5}, **values})
    pick = levels(judged(plan), "c0")["picked"]["pick"]
    assert (pick["draws"], sum(c["drawn"] for c in pick["candidates"])) == (3, 15)
    settings = [plan.cells[cell].settings.model_dump(mode="json") for cell in use.cells]
    names = candidate_names(settings)
    assert json.loads(names[0]) == {"lr": settings[0]["lr"]}
    for seed in range(5):
        drawn = drawn_candidates(names, seed, 3)
        assert pick["chosen"][str(seed)] == use.cells[drawn[0]], "the first is the best here"


def test_the_draws_of_a_block_are_fixed_by_its_candidates_and_seed() -> None:
    cells = [f"{i:016x}" for i in range(30)]
    assert drawn_candidates(cells, 0, None) == drawn_candidates(cells, 0, 30) == list(range(30))
    drawn = [tuple(drawn_candidates(cells, seed, 9)) for seed in range(200)]
    assert drawn[:2] == [tuple(drawn_candidates(cells, seed, 9)) for seed in range(2)]
    assert drawn_candidates(cells, 7, 9) == GOLDEN_DRAW, "published numbers rest on the stream"
    assert all(len(set(one)) == 9 for one in drawn)
    counts = np.bincount(np.array(drawn).ravel(), minlength=30)
    assert abs(counts - 60).max() < 4.5 * math.sqrt(200 * 0.3 * 0.7), "every one as often"


GOLDEN_DRAW = [1, 2, 5, 10, 11, 13, 16, 21, 24]


def block(**columns: list[Any]) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    return pd.DataFrame({"status": ["ok"] * size, **columns})


def test_a_choice_follows_the_metrics_own_direction() -> None:
    both = block(validation_loss=[0.3, 0.1, 0.2], validation_accuracy=[0.9, 0.7, 0.8])
    assert choose(both, "validation_loss", among=range(3)) == 1
    assert choose(both, "validation_accuracy", among=range(3)) == 0
    assert choose(both, "validation_accuracy", among=[1, 2]) == 2
    unknown = block(validation_loss=[math.nan, math.nan])
    assert choose(unknown, "validation_loss", among=range(2)) is None


@pytest.mark.parametrize("seed", range(5))
def test_the_rank_correlation_is_scipys_and_positive_where_both_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    by, test = rng.integers(0, 6, 9) / 10, rng.uniform(0, 1, 9)  # with ties
    both = block(
        validation_loss=by.tolist(), test_loss=test.tolist(), test_accuracy=(1 - test).tolist()
    )
    expected = stats.spearmanr(by, test).statistic
    assert rank_correlation(both, "validation_loss", "test_loss") == pytest.approx(expected)
    assert rank_correlation(both, "validation_loss", "test_accuracy") == pytest.approx(expected)


def test_two_candidates_or_equal_ones_have_no_rank_correlation() -> None:
    two = block(validation_loss=[0.1, 0.2], test_loss=[0.1, 0.3])
    same = block(validation_loss=[0.1, 0.1, 0.1], test_loss=[0.1, 0.3, 0.2])
    assert math.isnan(rank_correlation(two, "validation_loss", "test_loss"))
    assert math.isnan(rank_correlation(same, "validation_loss", "test_loss"))
