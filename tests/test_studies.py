"""Factor studies: from YAML to cells, to shares in the results and the report, and to a claim's verdict."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from made_up_studies import STUDY, measured, planned

from nnbench.claims.config import read_config
from nnbench.claims.shares import shares_outcome, weight
from nnbench.errors import NnbenchError
from nnbench.plan.plan import make_plan
from nnbench.records.studies import FactorOrder, ShareResult
from nnbench.report.anchors import anchors_of
from nnbench.report.markdown import escape
from nnbench.report.studies import claimed_table, order_table
from nnbench.report.terminal import claim_text
from nnbench.report.write import report_files
from nnbench.text.studies import percent, sentence
from nnbench.verdicts.judge import config_hash, judge

ROOT = Path(__file__).parent.parent


def test_a_factor_is_varied_only_where_it_acts(tmp_path: Path) -> None:
    points = planned(tmp_path).points
    acting = {point.use.dataset: set(point.values) for point in points}
    assert acting == {
        "digits": {"rate", "activation", "batch", "turned"},
        "wine": {"rate", "activation", "batch"},
    }


def test_points_are_cells_with_the_settings_of_their_levels(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert len(plan.points) == len(plan.cells) == 32
    rates = {"low": 0.001, "high": 0.01, "top": 0.1}
    for point in plan.points:
        settings = plan.cells[point.use.cells[0]].settings
        assert settings.lr == rates[point.values["rate"]]
        assert settings.batch_size == int(point.values["batch"])
        assert settings.hidden == (8,)


def test_where_there_are_fewer_combinations_than_points_all_are_measured(tmp_path: Path) -> None:
    points = planned(tmp_path, points=64).points
    assert sum(point.use.dataset == "wine" for point in points) == 3 * 2 * 3


@pytest.mark.parametrize("only", ["study/*", "paper/*", "*"])
def test_a_study_runs_if_it_is_named_or_a_claim_rests_on_it(tmp_path: Path, only: str) -> None:
    assert set(planned(tmp_path, only=only).studies) == {"study/mine"}


def test_a_study_that_nothing_asks_for_does_not_run(tmp_path: Path) -> None:
    assert not planned(tmp_path, {"not_run": "takes too long"}, only="paper/*").cells


def test_a_claim_whose_study_is_not_in_the_config_is_not_run(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"shares": {"study": "other", "matter": ["rate"]}})
    assert "rests on study 'other'" in plan.not_run["paper/rate"]


def test_a_study_is_part_of_what_was_fixed_before_the_run(tmp_path: Path) -> None:
    assert config_hash(planned(tmp_path)) != config_hash(planned(tmp_path, draw=2))


FACTORS = STUDY["factors"]
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "two factors set the same": ({"factors": {**FACTORS, "again": {"levels": {"a": {"lr": 1.0}, "b": {}}}}}, "'rate' and 'again' both set lr"),
    "two levels are the same": ({"factors": {**FACTORS, "rate": {"levels": {"a": {}, "b": {}}}}}, "'a' and 'b' of factor 'rate' are the same"),
    "too few points": ({"points": 15}, "4 factors need 16 or more, got 15"),
    "no such metric": ({"metric": "test_acuracy"}, "did you mean 'test_accuracy'?"),
    "a metric of no training": ({"metric": "epochs_to_target"}, "a study reads what every training measures"),
    "no such data": ({"datasets": {"digit": {}}}, "did you mean 'digits'?"),
    "a setting that cannot be": ({"factors": {**FACTORS, "rate": {"levels": {"a": {"lr": -1.0}, "b": {}}}}}, "study/mine/digits: point"),
    "augmented tables": ({"factors": {**FACTORS, "turned": {"levels": FACTORS["turned"]["levels"]}}}, "study/mine/wine: point"),
    "too few combinations": ({"factors": {n: {"levels": dict(list(FACTORS[n]["levels"].items())[:2])} for n in ("rate", "batch")}, "points": 8}, "too few combinations"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "told"), REFUSED.values(), ids=REFUSED)
def test_what_a_study_cannot_be_is_said(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(NnbenchError) as caught:
        planned(tmp_path, **changes)
    assert told in str(caught.value)


def test_a_claim_that_names_no_factor_of_its_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match="did you mean 'rate'"):
        planned(tmp_path, {"shares": {"study": "mine", "matter": ["rat"]}})


# --- from records to results


def test_the_factor_that_decides_has_all_of_the_variance_on_every_data_set(tmp_path: Path) -> None:
    (study,) = judge(measured(tmp_path)).studies
    first = study.factors[0]
    assert (first.factor, first.rank, first.claims) == ("rate", 1, ())
    for data in study.datasets:
        assert data.factors[0].factor == "rate"
        assert data.factors[0].share.value > 0.95
        assert data.noise.value < 0.01
        assert data.factors[0].levels["high"] == pytest.approx(0.2, abs=0.03)
    assert study.datasets[1].not_varied == ("turned",)
    assert study.sentence.startswith("Over 2 data sets, rate matters most")


def test_a_claim_is_judged_by_the_shares_of_its_factors(tmp_path: Path) -> None:
    (claim,) = judge(measured(tmp_path)).claims
    assert (claim.status, claim.verdict, claim.study) == ("judged", "reproduced", "study/mine")
    assert "rate" in claim.answer
    assert "beside them batch" in claim.answer


def test_a_claims_text_table_csv_and_verdict_tell_the_same_of_its_factors(tmp_path: Path) -> None:
    claimed = {
        "shares": {"study": "mine", "matter": ["rate", "turned", "batch"], "beside": "activation"}
    }
    results = judge(measured(tmp_path, claim=claimed))
    (claim,), (study,) = results.claims, results.studies
    table, (files,) = claimed_table(claim), report_files(results)
    assert table is not None
    assert [row[0] for row in table.rows] == ["rate", "turned", "batch", "activation (beside it)"]
    assert [row[-1] for row in table.rows] == ["2 of 2", "0 of 1", "0 of 2", "0 of 2"]
    assert table.rows[1][2] == "not varied"
    assert (claim.verdict, claim.answer.partition(".")[0]) == (
        "partly",
        "Not shown to matter on most data sets: turned (0 of 1), batch (0 of 2)",
    )
    for one in claim.shares:
        (data,) = (data for data in study.datasets if data.dataset == one.dataset)
        (found,) = (found for found in data.factors if found.factor == one.factor)
        assert one.share == found.share
        assert one.weight == weight(found.share.low, found.share.high, 0.05)
    rows = list(csv.DictReader(files["data/paper-rate.csv"].decode().splitlines()))
    assert [(row["factor"], row["dataset"], row["weight"]) for row in rows] == [
        (one.factor, one.dataset, one.weight) for one in claim.shares
    ]
    assert {(row["verdict"], row["threshold"]) for row in rows} == {("partly", "0.05")}
    shown = f"{percent(claim.shares[0].share)}: matters"
    assert shown in files["index.html"].decode()
    assert escape(shown) in files["README.md"].decode()
    assert shown in claim_text(results, "paper/rate", tmp_path)


def test_the_outcome_of_a_claim_takes_most_data_sets(tmp_path: Path) -> None:
    assert [weight(low, high, 0.05) for low, high in ((0.05, 0.2), (0.0, 0.04), (0.0, 0.2))] == [
        "matters", "does not matter", "unclear",
    ]  # fmt: skip
    yes, no, open_ = "matters", "does not matter", "unclear"
    cases = {
        "reproduced": {"a": [yes, yes, no], "b": [yes, yes, open_]},
        "partly": {"a": [yes, yes], "b": [yes, no]},
        "contradicted": {"a": [no, no], "b": [no, no]},
        "inconclusive": {"a": [no, open_], "b": [no, no]},
    }
    assert {word: shares_outcome(own)[0] for word, own in cases.items()} == {w: w for w in cases}


def test_a_diverged_run_scores_as_an_untrained_predictor(tmp_path: Path) -> None:
    (study,) = judge(measured(tmp_path, diverged=2)).studies
    digits = study.datasets[0]
    assert digits.diverged == 10
    assert set(digits.points[0].runs.values()) == {0.1}


def test_too_few_points_have_no_shares_and_the_claim_says_why(tmp_path: Path) -> None:
    results = judge(measured(tmp_path, lost=8))
    (study,), (claim,) = results.studies, results.claims
    assert [data.measured for data in study.datasets] == [8, 8]
    assert not study.measured
    assert claim.verdict == "inconclusive"
    assert "fewer than 75" in claim.answer


@pytest.mark.parametrize("lost", [0, 16])
def test_a_report_has_its_studies_as_figure_tables_and_csv(tmp_path: Path, lost: int) -> None:
    (files,) = report_files(judge(measured(tmp_path, lost=lost)))
    page, rows = files["index.html"].decode(), files["data/study-mine.csv"].decode().splitlines()
    assert len(rows) == 1 + 32 * 5
    assert rows[0].startswith("study,dataset,point,factor rate,")
    assert ("figures/study-mine.svg" in files) == (lost == 0)
    assert 'id="study-mine"' in page
    assert "What matters" in files["README.md"].decode()


def test_the_order_of_factors_links_the_claims_about_each_with_their_verdicts(
    tmp_path: Path,
) -> None:
    about = {
        **FACTORS,
        "rate": {**FACTORS["rate"], "claims": ["paper/rate", "other/of-no-document"]},
    }
    results = judge(measured(tmp_path, factors=about))
    (study,), (files,) = results.studies, report_files(results)
    table = order_table(study, results.claims, anchors_of(results))
    assert [row[0] for row in table.rows] == [factor.factor for factor in study.factors]
    assert [str(row[-1]) for row in table.rows] == ["paper/rate: reproduced", "–", "–", "–"]
    assert '<a href="#paper-rate">paper/rate: reproduced</a>' in files["index.html"].decode()
    assert "[paper/rate: reproduced](#paper-rate)" in files["README.md"].decode()


def test_the_studies_name_all_claims_of_documents_about_their_factors() -> None:
    config = read_config(str(ROOT / "config/config.yaml")).model_copy(update={"contexts": 0})
    plan = make_plan(config, root=ROOT)
    claims = {name: claim for name, document, claim in plan.claims() if not document.controls}
    for study in plan.studies.values():
        for factor, told in study.factors.items():
            about = {n for n, c in claims.items() if re.search(rf"\b{factor}\b", c.factor)}
            assert about <= set(told.claims), factor
            assert set(told.claims) <= set(claims)


# --- in words


def order(factor: str, value: float, low: float, high: float) -> FactorOrder:
    share = ShareResult(value=value, low=low, high=high)
    return FactorOrder(factor=factor, rank=1, share=share, alone=None, highest=None, claims=())


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.60, 0.52, "rate matters most: 71 % [60, 80] of"),
        (0.601, 0.604, "rate comes first, though its interval touches that of loss: 71 % [60, 80]"),
        (0.604, 0.601, "rate comes first, though its interval touches that of loss: 71 % [60, 80]"),
        (0.50, 0.60, "rate comes first, though its interval overlaps that of loss: 71 % [50, 80]"),
    ],
)
def test_what_is_said_of_two_intervals_can_be_read_from_the_numbers_beside_it(
    low: float, high: float, said: str
) -> None:
    factors = [order("rate", 0.71, low, 0.8), order("loss", 0.41, 0.26, high)]
    assert said in sentence("test_accuracy", factors, datasets=()).replace("\u00a0", " ")


def test_several_factors_whose_intervals_meet_the_first_ones_are_named_together() -> None:
    rest = [order(name, 0.4, 0.3, 0.5) for name in ("loss", "size")]
    said = sentence("test_accuracy", [order("rate", 0.5, 0.4, 0.6), *rest], datasets=())
    assert "its interval overlaps those of loss and size: 50\u00a0% [40, 60]" in said
