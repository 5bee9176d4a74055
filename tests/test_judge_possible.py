"""Possibilities over all that was tried, what a machine cannot decide, and all claims of a document together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from made_up_judge import entry, judged
from made_up_plan import claim, made_up_record, plan_in, planned, store, write_document
from made_up_readings import FAST, SLOW, fill_cells, frameworks, plan_of
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from nnbench.plan.plan import Plan

SAME, BETTER = [0.30, 0.33, 0.29, 0.31, 0.32], [0.25, 0.26, 0.24, 0.26, 0.24]
POSSIBLE: dict[str, Any] = {
    "kind": "exists", "claimed": None, "better": ["a"], "than": ["b"],
    "levels": {"a": {"lr": 0.1}, "b": {"lr": 0.2}}, "datasets": {"digits": {}, "mnist1d": {}},
}  # fmt: skip


def fill(plan: Plan, values: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Test losses by dataset and level."""
    for use in plan.uses:
        cell = plan.cells[use.cells[0]]
        store(plan, cell, made_up_record(cell, {"test_loss": values[use.dataset][use.level]}))


def verdicts(item: Mapping[str, Any]) -> dict[str, tuple[str, bool]]:
    return {r["dataset"]: (r["verdict"], r["decides"]) for r in item["results"]}


def test_one_case_shows_a_possibility_wherever_it_was_found(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, claim(**POSSIBLE))
    fill(plan, {"digits": {"a": SAME, "b": BETTER}, "mnist1d": {"a": BETTER, "b": SAME}})
    found = entry(judged(plan), "c0")
    assert verdicts(found) == {
        "digits": ("inconclusive", False),
        "mnist1d": ("reproduced", True),
    }
    assert found["verdict"] == "reproduced"
    assert found["answer"].startswith("Yes, there is such a case: a against b.")
    pairs = [pair for result in found["results"] for pair in result["pairs"]]
    holm = multipletests([pair["p"] for pair in pairs], method="holm")[1]
    assert [pair["p_holm"] for pair in pairs] == pytest.approx(holm)


def test_a_possibility_that_no_case_shows_is_never_contradicted(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, claim(**POSSIBLE))
    fill(plan, {"digits": {"a": SAME, "b": BETTER}, "mnist1d": {"a": SAME, "b": SAME}})
    found = entry(judged(plan), "c0")
    assert verdicts(found) == {
        "digits": ("inconclusive", True),
        "mnist1d": ("inconclusive", False),
    }
    assert found["answer"].startswith("No case that was tried here shows it: b came out ahead")


def test_a_case_below_the_margin_shows_a_possibility_that_is_small(tmp_path: Path) -> None:
    wider = {**POSSIBLE, "margin": 0.4}
    plan = plan_of(tmp_path, claim(**{**wider, "datasets": {"digits": {}}}))
    lower = [0.21, 0.28, 0.21, 0.26, 0.22]  # 26 % better: not surely within 40 %
    fill(plan, {"digits": {"a": lower, "b": SAME}})
    found = entry(judged(plan), "c0")
    assert (found["verdict"], found["results"][0]["pairs"][0]["small"]) == (
        "reproduced, small",
        True,
    )
    assert judged(plan)["summary"]["reproduced_small"] == 1


NEEDS = {"two cores": ({"cores": 2}, None), "three": ({"cores": 3}, "it takes 3 cores (2 there)"),
         "both": ({"cores": 4, "memory_gb": 1024.0}, "it takes 4 cores (2 there) and 1024 GB"),
         "a GPU": ({"gpu": True}, "it takes a GPU (none was used)")}  # fmt: skip


@pytest.mark.parametrize(("needs", "reason"), NEEDS.values(), ids=NEEDS)
def test_without_what_a_claim_takes_it_is_measured_and_not_judged(
    tmp_path: Path, needs: dict[str, Any], reason: str | None
) -> None:
    plan = plan_of(tmp_path, frameworks(testable=needs))
    fill_cells(plan, {"": {"seconds@A": SLOW, "seconds@B": FAST}})
    content = judged(plan)
    found = entry(content, "c0")
    assert found["verdict"] == ("not testable here" if reason else "contradicted")
    assert content["summary"]["not_testable_here"] == bool(reason)
    assert found["results"][0]["verdict_reason"].startswith(reason or "B came out ahead")
    assert found["results"][0]["levels"][0]["mean"] == pytest.approx(2.05, abs=0.02)
    if reason:
        assert (found["p"], found["results"][0]["pairs"]) == (None, [])
        assert found["answer"].startswith(f"This machine cannot decide it: {reason}")


def test_what_a_claim_takes_has_no_effect_on_its_cells(tmp_path: Path) -> None:
    before = plan_of(tmp_path, frameworks()).cells
    assert plan_of(tmp_path, frameworks(testable={"cores": 4})).cells == before


def test_the_claims_of_a_document_share_a_correction(tmp_path: Path) -> None:
    one = {"claimed": None, "datasets": {"digits": {}}, "kind": "best"}
    pairs = {f"c{i}": {"a": {"lr": 0.1 + i}, "b": {"lr": 0.2 + i}} for i in range(3)}
    write_document(
        tmp_path,
        {n: claim(**one, better=["a"], than=["b"], levels=levels) for n, levels in pairs.items()},
    )
    plan = plan_in(tmp_path, seeds=5)
    lower = {
        "c0": BETTER,
        "c1": [0.22, 0.31, 0.24, 0.30, 0.28],
        "c2": [0.31, 0.33, 0.29, 0.31, 0.32],
    }
    for use in plan.uses:
        cell, name = plan.cells[use.cells[0]], use.claim.partition("/")[2]
        loss = lower[name] if use.level == "a" else SAME
        store(plan, cell, made_up_record(cell, {"test_loss": loss}))
    content = judged(plan)
    found = [entry(content, name) for name in pairs]
    p = [item["results"][0]["p"] for item in found]
    assert [item["verdict"] for item in found] == ["reproduced", "reproduced", "contradicted"]
    assert [item["p"] for item in found] == p
    assert [item["p_holm"] for item in found] == pytest.approx(multipletests(p, method="holm")[1])
    assert p[1] < 0.05 < found[1]["p_holm"]
    assert content["summary"]["reproduced_after_holm"] == 1


def test_an_unclear_pair_says_what_more_blocks_would_cost(tmp_path: Path) -> None:
    plan = planned(
        tmp_path, claim(**{**POSSIBLE, "kind": "best", "datasets": {"digits": {}}}), seeds=5
    )
    fill(plan, {"digits": {"a": [0.30, 0.31, 0.30, 0.29, 0.30], "b": SAME}})
    (pair,) = entry(judged(plan), "c0")["results"][0]["pairs"]
    assert pair["status"] == "unclear"
    assert pair["blocks_needed"] > 5
    assert pair["detectable"] > 0.05
    assert pair["seconds_needed"] > 0
