"""What is missing, damaged or diverged is counted, named and never improves a verdict."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from made_up_judge import CLAIMS, LOSSES, OFF, ON, entry, fill, judged, levels, one_claim, pairs
from made_up_plan import (
    CLAIM,
    cells_by_level,
    claim,
    made_up_record,
    plan_in,
    planned,
    store,
    write_document,
)

from nnbench.records.results import read_results
from nnbench.report.write import write_report
from nnbench.verdicts.judge import judge


def test_a_diverged_run_scores_as_an_untrained_predictor(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "order")
    fill(plan, "order", "test_loss", LOSSES, diverged={"low": [1, 2]})
    low = levels(judged(plan), "order")["low"]
    assert (low["diverged"], low["n"], low["seed_status"]["2"]) == (2, 5, "diverged")
    assert [low["values"][seed] for seed in "012"] == pytest.approx(
        [0.40, math.log(10), math.log(10)]
    )

    plan = one_claim(tmp_path, "best")
    fill(plan, "best", "test_accuracy", {"on": ON, "off": OFF}, diverged={"on": [4]})
    assert levels(judged(plan), "best")["on"]["values"]["4"] == 0.5


def test_what_is_read_at_the_first_weights_stands_whatever_becomes_of_the_run(
    tmp_path: Path,
) -> None:
    settings = {**CLAIM["settings"], "probes": ["gradients"]}
    plan = planned(tmp_path, claim(metric="gradient_ratio_start", settings=settings), seeds=5)
    ratios = {"gradient_ratio_start": [0.1, 0.2, 0.3, 0.4, 0.5], "gradient_ratio": [0.5] * 5}
    for cell in plan.cells.values():
        store(plan, cell, made_up_record(cell, ratios, diverged=[0, 1, 2, 3]))
    (finding,) = judge(plan).claims[0].results
    assert [*finding.levels[0].values.values()] == ratios["gradient_ratio_start"]
    assert finding.levels[0].metrics["gradient_ratio"].low is None  # of one run


def test_a_verdict_that_diverged_runs_decide_is_none(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "order", seeds=10)
    twice = {name: [*values, *values] for name, values in LOSSES.items()}
    fill(plan, "order", "test_loss", twice, diverged={"high": [0, 5]})
    found = entry(judged(plan), "order")
    assert (found["verdict"], found["results"][0]["blocks"]) == ("inconclusive", 10)
    assert found["results"][0]["verdict_reason"] == "the verdict depends on diverged runs"


def test_a_diverged_run_without_a_score_costs_its_block_and_is_named(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "order", seeds=6)
    longer = {name: [*values, values[0] * 1.01] for name, values in LOSSES.items()}
    fill(plan, "order", "test_loss", longer)
    cell = cells_by_level(plan, claim_id="paper/order")["low"]
    record = made_up_record(cell, {"test_loss": longer["low"]}, diverged=[2], untrained={})
    store(plan, cell, record)
    result = entry(judged(plan), "order")["results"][0]
    assert result["blocks"] == 5
    assert "1 diverged run has no score" in result["verdict_reason"]
    low = levels(judged(plan), "order")["low"]
    assert (low["values"]["2"], low["seed_status"]["2"], low["diverged"]) == (None, "diverged", 1)


def test_a_missing_record_is_counted_and_named(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "order")
    fill(plan, "order", "test_loss", {name: LOSSES[name] for name in ("high", "low")})
    content = judged(plan)
    cell = cells_by_level(plan, claim_id="paper/order")["middle"].id
    named = {item["cell"]: item for item in content["provenance"]["missing_cells"]}
    assert named[cell]["claims"] == ["paper/order"]
    assert "no record" in named[cell]["reason"]
    middle = levels(content, "order")["middle"]
    assert (middle["n"], middle["planned"], middle["failed"], middle["mean"]) == (0, 5, 5, None)
    result = entry(content, "order")["results"][0]
    assert result["verdict"] == "inconclusive"
    reason = "middle not measured: no record: its job failed or has not run"
    assert result["verdict_reason"] == reason
    assert middle["not_measured"] == "no record: its job failed or has not run"
    assert {pair: p["status"] for pair, p in pairs(content, "order").items()} == {
        ("high", "low"): "UP"
    }


def test_a_damaged_record_is_named_with_its_reason(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "order")
    fill(plan, "order", "test_loss", {**LOSSES, "none": [2.0] * 5})
    cell = cells_by_level(plan, claim_id="paper/order")["low"]
    path = store(plan, cell, made_up_record(cell, {"test_loss": LOSSES["low"]}))
    path.write_bytes(path.read_bytes()[:-20])
    provenance = judged(plan)["provenance"]
    assert provenance["rejected_records"] == [
        {"cell": cell.id, "reason": "checksum does not match"}
    ]
    assert [item["cell"] for item in provenance["missing_cells"]] == [cell.id]
    assert provenance["missing_cells"][0]["reason"] == "checksum does not match"


def test_a_missing_seed_costs_its_block_alone(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "order", seeds=6)
    longer = {name: [*values, values[0] * 1.01] for name, values in LOSSES.items()}
    fill(plan, "order", "test_loss", longer, lost={"middle": [3]})
    content = judged(plan)
    assert entry(content, "order")["results"][0]["blocks"] == 5
    assert entry(content, "order")["verdict"] == "reproduced"
    counts = {name: item["n"] for name, item in levels(content, "order").items()}
    assert counts == {"high": 6, "middle": 5, "low": 6, "none": 0}


def test_fewer_than_five_seeds_are_inconclusive_however_clear(tmp_path: Path) -> None:
    for seeds in (1, 2, 4):
        plan = one_claim(tmp_path, "order", seeds=seeds)
        fill(plan, "order", "test_loss", {name: v[:seeds] for name, v in LOSSES.items()})
        content = judged(plan)
        assert entry(content, "order")["verdict"] == "inconclusive"
        assert f"({seeds})" in entry(content, "order")["answer"]
        assert all("nan" not in pair["text"] for pair in pairs(content, "order").values())


def test_without_any_record_there_is_still_a_report(tmp_path: Path) -> None:
    write_document(tmp_path, CLAIMS)
    plan = plan_in(tmp_path, seeds=5)
    content = judged(plan)
    status = {item["name"]: (item["status"], item["verdict"]) for item in content["claims"]}
    assert status["order"] == status["best"] == status["speed"] == ("judged", "inconclusive")
    assert status["sizes"] == ("measured", None)
    assert "can be built" not in entry(content, "sizes")["answer"]
    assert (status["later"], status["opinion"]) == (("not run", None), ("qualitative", None))
    assert {m["cell"] for m in content["provenance"]["missing_cells"]} == set(plan.cells)
    write_report(read_results(tmp_path / "reports"), tmp_path / "reports")
    assert (tmp_path / "reports/index.html").stat().st_size > 0


def test_a_config_that_runs_nothing_still_gives_every_claim(tmp_path: Path) -> None:
    content = judged(planned(tmp_path, claim(not_run="later"), CLAIMS["opinion"] | {"links": []}))
    assert content["summary"]["claims"] == 2
    assert content["provenance"]["missing_cells"] == []
    write_report(read_results(tmp_path / "reports"), tmp_path / "reports")
    assert "nothing has run yet" in (tmp_path / "reports/README.md").read_text(encoding="utf-8")


def test_results_need_no_tables(tmp_path: Path) -> None:
    plan = one_claim(tmp_path, "order")
    fill(plan, "order", "test_loss", LOSSES)
    found = judge(plan)
    assert not (tmp_path / "results/aggregate").exists()
    assert judged(plan) == json.loads(found.to_json())


def test_while_a_run_goes_on_only_what_is_measured_is_judged(tmp_path: Path) -> None:
    plan = planned(
        tmp_path, claim(), claim(levels={"a": {"lr": 0.5}, "b": {}}, claimed={"a": 0.1, "b": 0.2})
    )
    for rate, values in zip(("high", "middle", "low"), LOSSES.values(), strict=True):
        cell = cells_by_level(plan)[rate]
        store(plan, cell, made_up_record(cell, {"test_loss": [*values]}))
    so_far = {item.id: item for item in judge(plan, so_far=True).claims}
    assert so_far["paper/c0"].verdict is not None
    waiting = so_far["paper/c1"]
    assert (waiting.verdict, waiting.status, waiting.results) == (None, "not run", ())
    assert waiting.answer.startswith("Not run: not measured so far: a (no record: its job failed")
    assert {item.id: item.verdict for item in judge(plan).claims}["paper/c1"] == "inconclusive"
