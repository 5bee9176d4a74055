"""From made-up records to ``results.json``: every number by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from made_up_judge import (
    CLAIMS,
    COINS,
    EPOCHS,
    LOSSES,
    OFF,
    ON,
    entry,
    fill,
    interval,
    judged,
    levels,
    numbers,
    pairs,
    prepare,
)
from made_up_plan import plan_in, write_document

from nnbench.plan.plan import Plan

# the fields that the report and its readers go by
CLAIM_FIELDS = (
    "id document document_title name title quote kind status reason verdict p p_holm answer factor metric tier "
    "experiment limits caveats links depends_on_track results command"
)
RESULT_FIELDS = (
    "dataset dataset_title track variant variant_title decides metric metric_title unit scale blocks "
    "lower_is_better directed objective chance resolution conditional verdict verdict_reason sentence p levels pairs"
)
LEVEL_FIELDS = (
    "level role claimed mean low high n planned diverged capped failed values seed_status metrics "
    "cell settings train_seconds samples_per_second parameters search curves"
)
PAIR_FIELDS = (
    "a b difference low high margin unit percent status small role p p_holm tie n censored detectable "
    "blocks_needed seconds_needed text"
)
PROVENANCE_FIELDS = (
    "nnbench_version git_commit git_dirty config config_sha256 tier seeds tuning_seeds generated run "
    "machines versions flags datasets rejected_records missing_cells"
)


def has(item: Mapping[str, Any], fields: str) -> bool:
    missing = set(fields.split()) - set(item)
    assert not missing
    return True


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("judge")
    write_document(folder, CLAIMS)
    plan = plan_in(folder, seeds=5)
    prepare(plan)
    # the rates 0.1 and 0.01 of `speed` have a target, so they are cells of their own
    fill(plan, "order", "test_loss", {**LOSSES, "none": [2.0] * 5})
    fill(plan, "best", "test_accuracy", {"on": ON, "off": OFF})
    fill(plan, "differs", "test_loss", {"a": LOSSES["high"], "b": LOSSES["low"]})
    fill(plan, "equal", "test_accuracy", COINS)
    fill(plan, "sizes", "parameters", {"64": [4810.0] * 5, "32": [2410.0] * 5})
    fill(plan, "speed", "epochs_to_target", EPOCHS, capped={"slow": [1, 3, 4]})
    return plan


@pytest.fixture(scope="module")
def content(plan: Plan) -> dict[str, Any]:
    return judged(plan)


def test_every_claim_is_there_in_the_documents_order(content: dict[str, Any]) -> None:
    assert [item["id"] for item in content["claims"]] == [f"paper/{name}" for name in CLAIMS]
    assert content["summary"] == {
        "claims": 8,
        "reproduced": 4,
        "reproduced_small": 0,
        "partly": 0,
        "contradicted": 0,
        "inconclusive": 1,
        "not_testable_here": 0,
        "general": {},
        "controls": 0,
        "controls_held": 0,
        "reproduced_after_holm": 4,
        "measured": 1,
        "qualitative": 1,
        "not_run": 1,
    }


def test_the_mean_of_a_loss_is_geometric_with_a_t_interval_of_logarithms(
    content: dict[str, Any],
) -> None:
    for name, values in LOSSES.items():
        found = levels(content, "order")[name]
        expected = [math.exp(x) for x in interval([math.log(v) for v in values])]
        assert numbers(found) == pytest.approx(expected, rel=1e-12)
        assert found["claimed"] == {"high": 0.1, "middle": 0.2, "low": 0.3}[name]
        assert found["values"] == {str(seed): value for seed, value in enumerate(values)}
        counts = {"n": 5, "planned": 5, "diverged": 0, "capped": 0, "failed": 0}
        assert {key: found[key] for key in counts} == counts


def test_an_accuracy_has_the_plain_mean_and_interval(content: dict[str, Any]) -> None:
    found = levels(content, "best")
    assert numbers(found["on"]) == pytest.approx(interval(ON), rel=1e-12)
    assert (found["on"]["claimed"], found["off"]["claimed"]) == (0.85, None)


def test_differences_are_paired_and_positive_as_claimed(content: dict[str, Any]) -> None:
    found = pairs(content, "order")
    assert list(found) == [("high", "middle"), ("middle", "low"), ("high", "low")]
    assert [pair["role"] for pair in found.values()] == ["adjacent", "adjacent", "extremes"]
    for (better, worse), pair in found.items():
        ratios = [b / a for a, b in zip(LOSSES[better], LOSSES[worse], strict=True)]
        expected = interval([math.log(ratio) for ratio in ratios])
        assert numbers(pair) == pytest.approx(expected, rel=1e-9)
        assert pair["percent"] == pytest.approx(100 * math.expm1(expected[0]))
        assert (pair["status"], pair["n"], pair["tie"]) == ("UP", 5, False)
        assert pair["margin"] == pytest.approx(math.log(1.05))
    best = pairs(content, "best")["on", "off"]
    expected = interval([a - b for a, b in zip(ON, OFF, strict=True)])
    assert numbers(best) == pytest.approx(expected, rel=1e-9)
    assert (best["margin"], best["unit"], best["percent"]) == (0.01, "raw", None)


def test_a_control_is_shown_and_not_judged(content: dict[str, Any]) -> None:
    assert levels(content, "order")["none"]["role"] == "control"
    assert not any("none" in pair for pair in pairs(content, "order"))


def test_what_is_not_run_or_quoted_says_so(content: dict[str, Any]) -> None:
    later, opinion = entry(content, "later"), entry(content, "opinion")
    assert (later["status"], later["reason"]) == ("not run", "needs a cluster")
    assert (opinion["status"], opinion["links"]) == ("qualitative", ["paper/order"])
    assert (later["verdict"], later["results"], opinion["results"]) == (None, [], [])


def test_a_definition_has_its_exact_number_and_no_verdict(content: dict[str, Any]) -> None:
    sizes = entry(content, "sizes")
    assert (sizes["status"], sizes["verdict"]) == ("measured", None)
    assert numbers(levels(content, "sizes")["64"]) == (4810.0, None, None)
    assert levels(content, "sizes")["64"]["claimed"] == 4800
    assert entry(content, "sizes")["results"][0]["pairs"] == []


def test_capped_runs_are_censored_and_judged_by_signs(content: dict[str, Any]) -> None:
    (pair,) = pairs(content, "speed").values()
    assert (pair["censored"], pair["status"], pair["n"]) == (True, "unclear", 5)
    assert pair["p"] == pytest.approx(2 / 32)  # five signs of five
    medians = sorted(math.log(b / a) for a, b in zip(*EPOCHS.values(), strict=True))
    assert pair["difference"] == pytest.approx(medians[2])
    slow = levels(content, "speed")["slow"]
    assert (slow["capped"], slow["n"], slow["seed_status"]["1"]) == (3, 5, "capped")


def test_each_track_and_variant_is_a_result_and_one_decides(content: dict[str, Any]) -> None:
    results = entry(content, "differs")["results"]
    places = [(r["variant"], r["track"], r["decides"], r["verdict"]) for r in results]
    assert places == [
        (None, "as-written", True, "reproduced"),
        (None, "tuned", False, "reproduced"),
        ("1", "as-written", False, "reproduced"),
        ("1", "tuned", False, "reproduced"),
    ]
    assert results[2]["variant_title"] == "Read otherwise"
    search = results[1]["levels"][0]["search"]
    assert (search["candidates"], search["chosen"]) == ([{"l1": 0.1}, {"l1": 0.2}], 0)
    assert (search["at_edge"], results[0]["levels"][0]["search"]) == (True, None)


def test_real_data_are_conditional_on_their_test_set(content: dict[str, Any]) -> None:
    digits, coins = entry(content, "order")["results"][0], entry(content, "equal")["results"][0]
    assert (digits["conditional"], coins["conditional"]) == (True, False)
    assert digits["chance"] == pytest.approx(math.log(10))
    assert (coins["chance"], coins["resolution"]) == (0.5, None)


def test_the_same_records_give_the_same_bytes(plan: Plan, content: dict[str, Any]) -> None:
    target = Path(plan.config.reports) / "results.json"
    tables = Path(plan.config.results) / "aggregate"
    before = {p: p.read_bytes() for p in (target, *tables.iterdir())}
    assert judged(plan) == content
    assert {p: p.read_bytes() for p in before} == before


def test_every_field_of_the_schema_is_there(content: dict[str, Any]) -> None:
    assert content["schema_version"] == 2
    assert has(content["provenance"], PROVENANCE_FIELDS)
    results = [r for c in content["claims"] if has(c, CLAIM_FIELDS) for r in c["results"]]
    shown = [lv for r in results if has(r, RESULT_FIELDS) for lv in r["levels"]]
    assert len(shown) == 20
    assert all(has(lv, LEVEL_FIELDS) for lv in shown)
    assert all(has(pair, PAIR_FIELDS) for r in results for pair in r["pairs"])
    assert {c["status"] for c in content["claims"]} == {
        "judged",
        "measured",
        "not run",
        "qualitative",
    }
    assert [sum(r["decides"] for r in c["results"]) for c in content["claims"]] == [1] * 6 + [0] * 2


def test_the_provenance_is_that_of_the_records(content: dict[str, Any], plan: Plan) -> None:
    provenance = content["provenance"]
    assert provenance["generated"] == "2026-01-01T00:00:03.000+00:00"  # no clock of its own
    assert provenance["flags"] == {"deterministic": True, "tf32": False}
    assert provenance["run"]["cells"] == len(plan.cells) == provenance["machines"][0]["cells"]
    assert provenance["run"]["wall_seconds"] == 3.0  # all of them at the same time
    assert provenance["run"]["busy_seconds"] == 3.0 * len(plan.cells)
    assert [d["name"] for d in provenance["datasets"]] == ["coin_flip", "digits"]
    assert len(provenance["config_sha256"]) == 64
