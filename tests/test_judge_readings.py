"""What levels read beside plain runs: places, picked candidates, orders, other metrics, machines."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import pytest
from made_up_judge import entry, interval, judged, levels, numbers, pairs, prepare, table
from made_up_plan import claim, made_up_record, planned, store
from made_up_readings import (
    FAST,
    SLOW,
    STILL,
    TURNED,
    fill_cells,
    frameworks,
    machine,
    places,
    plan_of,
)

from nnbench.records.origin import Provenance
from nnbench.report.appendix import provenance_tables

# --- places


def test_a_level_reads_the_metrics_of_its_place_and_the_runs_own_for_the_rest(
    tmp_path: Path,
) -> None:
    plan = plan_of(tmp_path, places())
    noisy = [0.9, 0.8, 0.85, 0.9, 0.95]
    metrics = {
        "test_loss": STILL,
        "test_loss@rotated": TURNED,
        "test_accuracy@noisy": noisy,
        "train_loss": [0.1] * 5,
    }
    fill_cells(plan, {"": metrics})
    found = levels(judged(plan), "c0")
    assert found["still"]["values"] == {str(i): v for i, v in enumerate(STILL)}
    assert found["turned"]["values"] == {str(i): v for i, v in enumerate(TURNED)}
    assert found["turned"]["at"] == "rotated"
    assert found["noisy"]["not_measured"] == "its record has no test loss at noisy"
    assert set(found["noisy"]["values"].values()) == {None}, "the loss elsewhere is none of there"
    assert found["noisy"]["metrics"]["test_accuracy"]["mean"] == pytest.approx(0.88)
    assert found["turned"]["metrics"]["train_loss"]["mean"] == pytest.approx(0.1)
    read = table(plan, "measurements")
    assert not [name for name in read.columns if "@" in name]
    assert set(read["at"].dropna()) == {"rotated", "noisy"}
    assert read[read["at"] == "rotated"]["value"].tolist() == TURNED


def test_a_run_that_diverged_scores_as_untrained_at_a_place_too(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, places())
    scores = {"test_loss": 2.3, "test_loss@rotated": 2.5}
    metrics = {"test_loss": STILL, "test_loss@rotated": TURNED}
    fill_cells(plan, {"": metrics}, diverged=[3], untrained=scores)
    content = judged(plan)
    assert levels(content, "c0")["still"]["values"]["3"] == 2.3
    assert levels(content, "c0")["turned"]["values"]["3"] == 2.5
    assert entry(content, "c0")["results"][0]["chance"] is None, "two answers are none"


def test_a_count_among_a_places_facts_is_read_as_its_metric(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, frameworks())
    facts = {"A": {"parameters": 10, "version": "1.2"}, "B": {"parameters": 20, "flops": 5e9}}
    fill_cells(plan, {"": {"seconds@A": FAST, "seconds@B": SLOW}}, facts=facts)
    found = levels(judged(plan), "c0")
    assert (found["A"]["parameters"], found["B"]["parameters"]) == (10, 20)
    assert (found["A"]["flops"], found["B"]["flops"]) == (None, 5e9)
    assert found["A"]["facts"] == {"parameters": 10, "version": "1.2"}


# --- what was not measured


def test_a_place_that_was_not_measured_makes_the_claim_inconclusive_with_its_reason(
    tmp_path: Path,
) -> None:
    names = {"A": "pytorch", "B": "jax", "C": "tensorflow"}
    plan = plan_of(
        tmp_path,
        frameworks(
            settings={"experiment": "frameworks", "experiment_options": {"frameworks": names}},
            levels={name: {"at": name} for name in names},
            order=["A", "B", "C"],
        ),
    )
    metrics = {"seconds@A": FAST, "seconds@B": SLOW}
    fill_cells(plan, {"": metrics}, missing={"C": "TensorFlow is not installed"}, notes=["a note"])
    content = judged(plan)
    result = entry(content, "c0")["results"][0]
    assert result["verdict"] == "inconclusive"
    assert result["verdict_reason"] == "C not measured: TensorFlow is not installed"
    assert "TensorFlow is not installed" in entry(content, "c0")["answer"]
    found = levels(content, "c0")
    assert (found["C"]["n"], found["C"]["failed"], found["C"]["mean"]) == (0, 5, None)
    assert found["C"]["not_measured"] == "TensorFlow is not installed"
    assert (found["A"]["n"], found["A"]["not_measured"]) == (5, None)
    assert {key: p["status"] for key, p in pairs(content, "c0").items()} == {("A", "B"): "UP"}
    assert result["notes"] == ["a note"]


def test_numbers_that_are_others_each_time_are_said_to_be(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, places())
    fill_cells(plan, {"": {"test_loss": STILL}}, not_reproducible="an own part draws")
    content = judged(plan)
    notes = entry(content, "c0")["results"][0]["notes"]
    assert notes == ["The numbers are not reproducible: an own part draws."]
    provenance = Provenance.model_validate_json(json.dumps(content["provenance"]))
    assert provenance.run.not_reproducible == tuple(sorted(plan.cells))
    shown = provenance_tables(provenance)[0]
    row = ("Cells whose own parts give other numbers each time", ", ".join(sorted(plan.cells)))
    assert row in shown.rows


def test_a_claim_of_which_nothing_was_measured_has_no_pairs(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, frameworks())
    cell = next(iter(plan.cells.values()))
    store(plan, cell, made_up_record(cell, {}, lost=range(5), failure="out of memory: 9 GB"))
    result = entry(judged(plan), "c0")["results"][0]
    assert (result["verdict"], result["pairs"], result["blocks"]) == ("inconclusive", [], 0)
    assert result["verdict_reason"] == "A, B not measured: out of memory: 9 GB"


def test_a_record_without_the_claims_metric_says_so(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path, claim(levels={"a": {"lr": 0.1}, "b": {"lr": 0.2}}, claimed={"a": 1, "b": 2})
    )
    fill_cells(plan, {"": {"test_accuracy": [0.9] * len(FAST)}})
    assert levels(judged(plan), "c0")["a"]["not_measured"] == "its record has no test loss"


# --- machines


def test_timings_of_different_machines_are_not_compared(tmp_path: Path) -> None:
    own = frameworks(datasets={"digits": {}, "mnist1d": {}})
    plan = plan_of(tmp_path, own)
    metrics = {"seconds@A": FAST, "seconds@B": SLOW}
    fill_cells(plan, {"": metrics}, machine=machine("CPU one"))
    first, second = entry(judged(plan), "c0")["results"]
    assert (first["machines"], second["machines"]) == (["CPU one, 2 cores"], ["CPU one, 2 cores"])
    assert (first["timing"], first["verdict"]) == (True, "reproduced")

    split = frameworks(levels={"A": {"at": "A"}, "B": {"at": "B", "lr": 0.5}}, order=["A", "B"])
    (tmp_path / "split").mkdir()
    plan = plan_of(tmp_path / "split", split)
    for name, cell in zip(("CPU one", "CPU two"), plan.cells.values(), strict=True):
        store(plan, cell, made_up_record(cell, metrics, machine=machine(name)))
    result = entry(judged(plan), "c0")["results"][0]
    assert (result["verdict"], result["pairs"]) == ("inconclusive", [])
    assert result["verdict_reason"] == (
        "measured on different machines, which are not pooled: CPU one, 2 cores; CPU two, 2 cores"
    )
    assert levels_of(result)["A"]["mean"] == pytest.approx(statistics.geometric_mean(FAST))


def levels_of(result: dict[str, Any]) -> dict[str, Any]:
    return {level["level"]: level for level in result["levels"]}


# --- orders and other readings


def test_an_order_without_numbers_is_judged_with_the_default_margin(tmp_path: Path) -> None:
    own = claim(claimed=None, order=["high", "middle", "low"])
    plan = plan_of(tmp_path, own)
    cells = [use.cells[0] for use in plan.uses]
    values = {
        cell: {"test_loss": [v * x for x in STILL]}
        for cell, v in zip(cells, (1, 2, 3), strict=True)
    }
    fill_cells(plan, values)
    content = judged(plan)
    assert entry(content, "c0")["verdict"] == "reproduced"
    found = pairs(content, "c0")
    roles = {
        ("high", "middle"): "adjacent",
        ("middle", "low"): "adjacent",
        ("high", "low"): "extremes",
    }
    assert {key: pair["role"] for key, pair in found.items()} == roles
    assert [pair["margin"] for pair in found.values()] == pytest.approx([math.log(1.05)] * 3)
    ranks = {name: level["claimed_rank"] for name, level in levels(content, "c0").items()}
    assert ranks == {"high": 1, "middle": 2, "low": 3}


def test_a_variant_is_judged_by_its_own_kind_metric_and_margin(tmp_path: Path) -> None:
    variant = {
        "title": "by accuracy", "kind": "equal", "metric": "test_accuracy", "margin": 0.2,
        "datasets": {"coin_flip": {}},
    }  # fmt: skip
    plan = plan_of(tmp_path, claim(variants={"accuracy": variant}))
    flat = [0.50, 0.51, 0.49, 0.50, 0.52]
    for i, cell in enumerate(plan.cells.values()):
        metrics = {"test_accuracy": [v + i / 1000 for v in flat], "test_loss": STILL}
        store(plan, cell, made_up_record(cell, metrics))
    first, second = entry(judged(plan), "c0")["results"]
    assert (first["kind"], first["metric"], first["decides"]) == ("order", "test_loss", True)
    assert (second["kind"], second["metric"], second["unit"]) == (
        "equal",
        "test_accuracy",
        "fraction",
    )
    assert (second["dataset"], second["decides"], second["variant"]) == (
        "coin_flip",
        False,
        "accuracy",
    )
    assert [pair["margin"] for pair in second["pairs"]] == [0.2] * 3
    assert {pair["unit"] for pair in second["pairs"]} == {"raw"}
    assert second["verdict"] == "reproduced"
    assert [level["claimed"] for level in second["levels"]] == [None] * 3


def test_other_metrics_are_all_that_were_measured(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, claim())
    more = {"loss_gap": [-0.1, 0.1, 0.0, 0.2, 0.3], "dead_units": [0.0] * 5, "flops": [9.0] * 5}
    fill_cells(plan, {"": {"test_loss": STILL, "seconds": FAST, **more}})
    found = levels(judged(plan), "c0")["high"]
    assert set(found["metrics"]) == {"loss_gap", "dead_units", "seconds"}
    assert numbers(found["metrics"]["loss_gap"]) == pytest.approx(interval(more["loss_gap"]))
    assert found["flops"] == 9


def test_a_regressions_losses_are_squared_deviations(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, claim(datasets={"diabetes": {}}))
    fill_cells(plan, {"": {"test_loss": STILL}}, untrained={"test_loss": 1.0})
    prepare(plan)
    content = judged(plan)
    (dataset,) = content["provenance"]["datasets"]
    assert (dataset["task"], dataset["class_names"], len(dataset["samples"])) == (
        "regression",
        [],
        20,
    )
    result = entry(content, "c0")["results"][0]
    assert (result["task"], result["unit"], result["chance"]) == ("regression", "ratio", 1.0)


def test_a_claim_of_another_tier_says_what_it_would_cost(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(tier="full"), claim(not_run="needs a cluster"), seeds=5)
    content = judged(plan)
    full = entry(content, "c0")
    assert (full["status"], full["results"]) == ("not run", [])
    assert full["cost_seconds"] > 0
    assert "of core time" in full["answer"]


def test_a_second_look_is_part_of_the_claim(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, claim(second_look="Checked by hand."))
    assert entry(judged(plan), "c0")["second_look"] == "Checked by hand."
