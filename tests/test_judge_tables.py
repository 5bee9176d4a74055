"""The tables between records and verdicts: curves, lost blocks, times, grids, objectives."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_up_judge import CLAIMS, LOSSES, entry, fill, judged, levels, one_claim, table
from made_up_plan import TUNED, cells_by_level, claim, made_up_record, planned, store
from made_up_readings import FAST, SLOW, STILL, TURNED, fill_cells, frameworks, picked, plan_of
from scipy import stats

from nnbench.metrics import METRICS
from nnbench.plan.plan import Plan
from nnbench.verdicts.evidence import read_records
from nnbench.verdicts.levels import mean_curves

ROOT = Path(__file__).parent.parent


# --- curves


def curves_of(folder: Path, points: list[list[float | None]], **states: Any) -> dict[str, Any]:
    """The curves of one cell whose runs have these validation losses, read back from its record."""
    plan = planned(folder, claim(), seeds=len(points[0]))
    cell = next(iter(plan.cells.values()))
    curves = {"epochs": [1.0 + i for i in range(len(points))], "validation_loss": points}
    losses = {"test_loss": [0.5] * len(points[0])}
    store(plan, cell, made_up_record(cell, losses, curves=curves, **states))
    record = read_records(plan, Path(plan.config.results)).joined(cell.id, seeds=len(points[0]))
    table = mean_curves(record)
    assert table is not None
    found: dict[str, Any] = table.to_dict("list")
    return found


def test_of_twelve_runs_the_one_that_diverged_is_left_out_and_no_other(tmp_path: Path) -> None:
    found = curves_of(tmp_path, [[float(seed) for seed in range(12)]], diverged=[2])
    assert found["validation_loss"] == [pytest.approx((sum(range(12)) - 2) / 11)]


def test_the_interval_of_a_curve_counts_the_runs_that_still_train(tmp_path: Path) -> None:
    found = curves_of(
        tmp_path, [[1.0, 2.0, 3.0, 6.0], [1.0, 2.0, None, None], [1.0, None, None, None]]
    )
    assert found["validation_loss"] == [3.0, 1.5, 1.0]
    # of 1 and 2: the deviation is 1/sqrt(2), the standard error 1/2, one degree of freedom is left
    half = stats.t.ppf(0.975, 1) / 2
    assert found["validation_loss_high"][1] == pytest.approx(1.5 + half)
    assert found["validation_loss_low"][1] == pytest.approx(1.5 - half)
    error = stats.sem([1.0, 2.0, 3.0, 6.0])
    assert found["validation_loss_high"][0] == pytest.approx(3 + stats.t.ppf(0.975, 3) * error)
    assert math.isnan(found["validation_loss_high"][2])


# --- blocks and runs


def test_a_block_without_any_candidate_to_choose_is_missing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, picked())
    unknown = [math.nan, 0.5, 0.5, 0.5, 0.5]
    for cell in plan.cells.values():
        record = made_up_record(cell, {"validation_loss": unknown, "test_loss": STILL})
        record["runs"]["0"]["metrics"]["validation_loss"] = None
        store(plan, cell, record)
    found = levels(judged(plan), "c0")["picked"]
    assert (found["seed_status"]["0"], found["values"]["0"]) == ("missing", None)
    assert (found["n"], found["failed"], found["pick"]["chosen"]["0"]) == (4, 1, None)
    assert found["values"]["1"] == STILL[1]


def test_the_times_of_a_training_that_diverged_are_times(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, frameworks())
    metrics = {"seconds@A": FAST, "seconds@B": SLOW}
    fill_cells(plan, {"": metrics}, diverged=[1], untrained={})
    content = judged(plan)
    found = levels(content, "c0")["A"]
    assert list(found["values"].values()) == FAST
    assert (found["seed_status"]["1"], found["diverged"]) == ("diverged", 1)
    result = entry(content, "c0")["results"][0]
    assert result["blocks"] == 5
    assert "no score" not in result["verdict_reason"]


def test_a_control_that_has_no_score_says_nothing_about_the_claim(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "order")
    fill(plan, "order", "test_loss", LOSSES)
    control = cells_by_level(plan, claim_id="paper/order")["none"]
    record = made_up_record(control, {"test_loss": [2.0] * 5}, diverged=[2], untrained={})
    store(plan, control, record)
    result = entry(judged(plan), "order")["results"][0]
    assert result["verdict"] == "reproduced"
    assert "no score" not in result["verdict_reason"]


def test_what_was_not_measured_is_said_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, frameworks())
    why = "not measured: tensorflow is not installed"
    fill_cells(plan, {"": {"seconds@A": FAST}}, missing={"B": why})
    content = judged(plan)
    result = entry(content, "c0")["results"][0]
    assert result["verdict_reason"] == "B not measured: tensorflow is not installed"
    assert levels(content, "c0")["B"]["not_measured"] == "tensorflow is not installed"


# --- tuning


def tuned(folder: Path, tune: dict[str, list[Any]], chosen: int) -> bool:
    """Whether the candidate of this number is said to lie at the edge of a grid."""
    plan = planned(folder, claim(**{**TUNED, "tracks": ["tuned"], "decided_by": "tuned", "tune": tune}), seeds=5)  # fmt: skip
    for cell in plan.cells.values():
        assert cell.search is not None
        scores = [0.5] * len(cell.search.candidates)
        search = {**cell.search.model_dump(mode="json"), "chosen": chosen, "scores": scores}
        store(plan, cell, made_up_record(cell, {"test_loss": STILL}, search=search))
    found = levels(judged(plan), "c0")["relu"]["search"]["at_edge"]
    assert isinstance(found, bool)
    return found


@pytest.mark.parametrize(
    ("chosen", "edge"),
    [(0, True), (1, True), (3, True), (4, False), (5, True), (7, True), (8, True)],
)
def test_each_tuned_setting_has_edges_of_its_own(tmp_path: Path, chosen: int, edge: bool) -> None:
    """Of three times three candidates only the middle one has neighbours on all sides."""
    grid = {"lr": [0.1, 0.001, 0.01], "l2": [1e-5, 1e-4, 1e-3]}  # sorted: l2, lr
    order = [1, 2, 0]  # rates from low to high by their places in the grid
    place = 3 * (chosen // 3) + order[chosen % 3]
    assert tuned(tmp_path, grid, place) == edge


def test_what_has_no_order_and_what_was_not_varied_has_no_edge(tmp_path: Path) -> None:
    grid = {"lr": [0.001, 0.01, 0.1], "optimizer": ["adam", "sgd"], "l1": [1e-4]}
    assert not tuned(tmp_path, grid, 2)  # lr 0.01 by adam


# --- objectives


def measured_in(folder: Path, dataset: str, *losses: str | None) -> tuple[Any, Any]:
    """The objective and the unit of a claim about the test loss of networks with these losses."""
    own = {f"level {i}": {"lr": 0.1 + i, "loss": loss} for i, loss in enumerate(losses)}
    item = claim(kind="differs", margin=0.05, datasets={dataset: {}}, levels=own, claimed=None)
    plan = plan_of(folder, item)
    fill_cells(plan, {"": {"test_loss": STILL}})
    result = entry(judged(plan), "c0")["results"][0]
    return result["objective"], result["unit"]


@pytest.mark.parametrize(
    ("dataset", "losses", "objective", "unit"),
    [
        ("digits", (None, "cross_entropy"), "cross_entropy", "nats"),
        ("digits", ("smoothed", "smoothed"), "smoothed", "nats"),
        ("digits", ("mse", "mse"), "mse", "ratio"),
        ("digits", (None, "hinge"), None, "own objective"),
        ("diabetes", (None, "mse"), "mse", "ratio"),
        ("diabetes", ("mae", "mae"), "mae", "deviations"),
        ("diabetes", ("huber", "huber"), "huber", "ratio"),
        ("diabetes", ("mae", None), None, "own objective"),
    ],
)
def test_a_loss_has_the_unit_of_what_all_levels_minimise(
    tmp_path: Path, dataset: str, losses: tuple[str | None, ...], objective: str, unit: str
) -> None:
    assert measured_in(tmp_path, dataset, *losses) == (objective, unit)


def test_candidates_of_different_objectives_have_no_common_one(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        picked(
            levels={
                "picked": {"pick": {"by": "validation_accuracy", "grid": {"loss": [None, "mse"]}}},
                "fixed": {"lr": 0.5},
            },
            metric="test_accuracy",
        ),
    )
    fill_cells(plan, {"": {"validation_accuracy": STILL, "test_accuracy": TURNED}})
    assert entry(judged(plan), "c0")["results"][0]["objective"] is None


# --- files


def written(plan: Plan) -> set[str]:
    return {path.name for path in (Path(plan.config.results) / "aggregate").iterdir()}


def test_the_rule_declares_every_table_that_is_written(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "order")
    fill(plan, "order", "test_loss", LOSSES)
    judged(plan)
    rule = (ROOT / "workflow/rules/report.smk").read_text(encoding="utf-8").partition("rule judge")
    declared = re.findall(r'TABLES / "(\w+\.(?:csv|parquet|sha256))"', rule[0])
    assert set(declared) == written(plan)
    assert len(declared) == len(set(declared))


def test_the_tidy_table_is_the_same_in_both_formats(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "order")
    fill(plan, "order", "test_loss", LOSSES, diverged={"low": [1]})
    judged(plan)
    parquet = pd.read_parquet(tmp_path / "results/aggregate/measurements.parquet")
    csv = table(plan, "measurements")
    assert list(parquet.columns) == list(csv.columns)
    assert len(parquet) == 4 * 5, "one row per level and seed"
    high = parquet[parquet["level"] == "high"]
    assert high["value"].tolist() == high["test_loss"].tolist() == LOSSES["high"]
    assert set(parquet[parquet["level"] == "none"]["status"]) == {"missing"}
    assert csv["value"].dropna().tolist() == parquet["value"].dropna().tolist()
    assert parquet.dtypes.astype(str)["seed"] == "int64"
    docs = (ROOT / "docs/measurements.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", docs))
    assert set(parquet.columns) - set(METRICS) <= named


def test_counts_are_told_beside_the_claimed_ones(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "sizes")
    fill(plan, "sizes", "parameters", {"64": [4810.0] * 5, "32": [3000.0] * 5})
    answer = entry(judged(plan), "sizes")["answer"]
    assert answer == (
        "Counted (parameters): “64” = 4,810 (claimed: 4,800), “32” = 3,000 (claimed: 2,410). "
        "Further than 5 % from the claimed number: “32”."
    )
    assert CLAIMS["sizes"].get("margin") is None, "the margin is the metric's own"
