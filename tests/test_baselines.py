"""Claims about an interaction: levels are judged by their changes from their baselines, seed by seed."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm  # type: ignore[import-untyped]
from made_up_baselines import CLEAN, VALUES, by_hand, filled, found, sensitivity, with_samples
from made_up_contexts import NOISE, activations, in_contexts, listed
from made_up_plan import TUNED, cells_by_level, claim, made_up_record, planned, store

from nnbench.errors import NnbenchError
from nnbench.records.pair import PairResult
from nnbench.records.results import Finding, Results
from nnbench.report.figures.dots import dot_plot
from nnbench.report.figures.forest import pair_plot
from nnbench.report.write import report_files
from nnbench.verdicts.judge import judge
from nnbench.verdicts.rules import mean_interval
from nnbench.verdicts.samples import crossed_interval

Changes = dict[str, Any]


def only(results: Results) -> tuple[Finding, PairResult]:
    (finding,) = results.claims[0].results
    (pair,) = finding.pairs
    return finding, pair


# --- what is judged


def test_a_pair_is_the_difference_of_differences_of_logarithms_for_a_loss(tmp_path: Path) -> None:
    finding, pair = only(found(tmp_path))
    wanted = mean_interval(by_hand())
    assert (pair.difference, pair.low, pair.high) == pytest.approx(wanted)
    assert (pair.status, finding.verdict, pair.n) == ("UP", "reproduced", 5)


def test_a_pair_is_the_difference_of_differences_in_points_for_an_accuracy(tmp_path: Path) -> None:
    finding, pair = only(found(tmp_path, "test_accuracy"))
    mean, low, high = mean_interval(-by_hand("test_accuracy"))  # higher is better: mild gains less
    assert (pair.difference, pair.low, pair.high) == pytest.approx((mean, low, high))
    assert finding.verdict == "contradicted"


@pytest.mark.parametrize("metric", ["test_loss", "test_accuracy"])
def test_it_is_the_interaction_of_a_linear_model_on_the_same_data(
    tmp_path: Path, metric: str
) -> None:
    rows = [
        (name.startswith("steep"), name not in CLEAN.values(), value)
        for name, values in VALUES.items()
        for value in values
    ]
    steep, outliers, values = np.array(rows, dtype=float).T
    design = np.column_stack([np.ones(len(rows)), steep, outliers, steep * outliers])
    shown = np.log(values) if metric == "test_loss" else values
    interaction = sm.OLS(shown, design).fit().params[-1]
    _, pair = only(found(tmp_path, metric))
    assert pair.difference == pytest.approx(interaction if metric == "test_loss" else -interaction)


def test_levels_that_change_alike_are_equal_however_far_apart_they_are(tmp_path: Path) -> None:
    plan = planned(tmp_path, sensitivity(kind="equal", order=None), seeds=5)
    for name, cell in cells_by_level(plan).items():
        height = (3.0 if "steep" in name else 1.0) * (1.0 if "clean" in name else 1.2)
        losses = [height * (0.2 + noise / 10) for noise in NOISE]
        store(plan, cell, made_up_record(cell, {"test_loss": losses}))
    finding, pair = only(judge(plan))
    assert (finding.verdict, pair.status) == ("reproduced", "holds")


def test_a_seed_without_a_run_of_the_baseline_is_no_complete_block(tmp_path: Path) -> None:
    _, pair = only(found(tmp_path, mild_clean={"lost": [2]}))
    assert pair.n == 4
    assert pair.difference == pytest.approx(np.delete(by_hand(), 2).mean())


def test_a_baseline_that_diverged_counts_as_if_the_level_had(tmp_path: Path) -> None:
    finding, _ = only(found(tmp_path, mild_clean={"diverged": [1]}))
    assert "1 of 10 runs diverged" in (finding.verdict_reason or "")


def test_without_a_record_of_its_baseline_a_level_is_not_judged(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, steep_clean=None).claims[0].results
    assert (finding.verdict, finding.pairs) == ("inconclusive", ())
    reason = "steep not measured: its baseline “steep, clean”: no record"
    assert (finding.verdict_reason or "").startswith(reason)


def test_a_level_that_is_one_run_with_its_baseline_has_no_change_to_judge(tmp_path: Path) -> None:
    plan = filled(planned(tmp_path, sensitivity(), seeds=5))
    cell = cells_by_level(plan)["mild, clean"]
    store(plan, cell, made_up_record(cell, {"test_loss": VALUES["mild"]}))
    (finding,) = judge(plan).claims[0].results
    assert finding.verdict == "inconclusive"
    assert "mild and mild, clean are one and the same run" in (finding.verdict_reason or "")


def test_the_other_metric_disagrees_where_its_changes_do(tmp_path: Path) -> None:
    plan = planned(tmp_path, sensitivity(), seeds=5)
    right = {"mild": 0.90, "steep": 0.60, "mild, clean": 0.95, "steep, clean": 0.65}
    for name, cell in cells_by_level(plan).items():
        hits = [right[name] + noise / 100 for noise in NOISE]
        store(plan, cell, made_up_record(cell, {"test_loss": VALUES[name], "test_accuracy": hits}))
    finding, _ = only(judge(plan))
    assert "loss and accuracy disagree" in {flag.name for flag in finding.flags}


def test_over_new_test_samples_it_is_the_difference_of_differences_of_each(tmp_path: Path) -> None:
    plan, logs = with_samples(planned(tmp_path, sensitivity(), seeds=5))
    _, pair = only(judge(plan))
    changes = {name: logs[name] - logs[base] for name, base in CLEAN.items()}
    wanted = crossed_interval(changes["steep"] - changes["mild"])
    assert (pair.low_samples, pair.high_samples) == pytest.approx(wanted, rel=1e-3)


# --- contexts


def test_contexts_measure_baselines_too_and_no_other_controls(tmp_path: Path) -> None:
    wide = {f"{name}, wide": {"activation": name, "hidden": [32]} for name in ("relu", "tanh")}
    own = activations(
        order=["relu", "tanh"],
        controls={**wide, "GELU": {"activation": "gelu"}},
        baseline={"relu": "relu, wide", "tanh": "tanh, wide"},
    )
    del own["claimed"]
    drawn = listed("digits", "wine", "mnist1d")
    plan = in_contexts(tmp_path, drawn, own)
    there = {use.level for use in plan.uses if use.context}
    assert there == {"relu", "tanh", "relu, wide", "tanh, wide"}
    heights = {"relu": 1.1, "tanh": 1.5, "relu, wide": 1.0, "tanh, wide": 1.2, "GELU": 1.0}
    for use in plan.uses:
        cell, spread = plan.cells[use.cells[0]], 0.1 if use.level == "tanh" else 0.0
        losses = [heights[use.level] * (1 + spread * noise) for noise in NOISE]
        store(plan, cell, made_up_record(cell, {"test_loss": losses}))
    (claim,) = judge(plan).claims
    assert claim.general is not None
    (pair,) = claim.general.pairs
    assert pair.contexts == 3
    assert pair.difference == pytest.approx(np.log(1.5 / 1.2) - np.log(1.1), abs=1e-4)
    assert "relative to the baselines, test loss of tanh is 13.6 % larger" in claim.general.sentence
    none = in_contexts(tmp_path, drawn, {k: v for k, v in own.items() if k != "baseline"})
    assert {use.level for use in none.uses if use.context} == {"relu", "tanh"}


# --- what is said


def test_the_sentence_says_by_how_much_each_level_changes_and_from_what(tmp_path: Path) -> None:
    finding, pair = only(found(tmp_path))
    assert finding.sentence == (
        "Yes, the claimed order holds. Change of test loss from each level’s baseline, best first: "
        "mild (+4.4\u00a0% from “mild, clean”); steep (+31\u00a0% from “steep, clean”)."
    )
    assert pair.text.startswith("Relative to the baselines, test loss of steep is 25.8 % larger")


def test_points_are_told_as_points(tmp_path: Path) -> None:
    finding, pair = only(found(tmp_path, "test_accuracy"))
    assert "steep (+6.4 points from “steep, clean”); mild (+0.90 points" in (finding.sentence or "")
    assert "5.50 points higher" in pair.text


def test_results_have_each_levels_change_and_nothing_where_there_is_no_baseline(
    tmp_path: Path,
) -> None:
    results = found(tmp_path)
    assert results.claims[0].baseline == CLEAN
    changes = {level.level: level.from_baseline for level in results.claims[0].results[0].levels}
    assert changes["mild, clean"] is None
    change = changes["steep"]
    assert change is not None
    ratios = np.log(VALUES["steep"]) - np.log(VALUES["steep, clean"])
    assert (change.mean, change.low, change.high) == pytest.approx(mean_interval(ratios))
    assert change.baseline == "steep, clean"


def test_page_twin_tables_and_figures_say_that_changes_are_compared(tmp_path: Path) -> None:
    results = found(tmp_path)
    files = {name: data for page in report_files(results) for name, data in page.items()}
    for name in ("index.html", "README.md"):
        text = html.unescape(files[name].decode()).replace("\u00a0", " ")
        assert "Levels are compared by their changes from the baselines" in text, name
        assert "Pairs of levels, relative to the baselines, compared run by run" in text, name
        assert "+31.4 %" in text, name
    finding, _ = only(results)
    pairs, dots = pair_plot(finding, alt=""), dot_plot(finding, alt="")
    assert pairs is not None
    words = " ".join(re.sub(r"<[^>]+>", " ", pairs.body).split())
    assert (
        "Test loss, relative to the baselines, ratio of the second to the first; right of 1: as claimed"
        in words
    )
    assert "its baseline" in dots.body
    assert "steep: from 0.203" in dots.body


# --- what is refused

WRONG: dict[str, tuple[Changes, list[str]]] = {
    "no such baseline": (
        {"baseline": {**CLEAN, "mild": "mild, claen"}},
        [
            "baseline of 'mild' is 'mild, claen'",
            "neither a level nor a control",
            "mean 'mild, clean'",
        ],
    ),
    "no such level": (
        {"baseline": {**CLEAN, "mld": "mild"}},
        ["baseline has 'mld', which is no level", "did you mean 'mild'?"],
    ),
    "its own": (
        {"baseline": {**CLEAN, "mild": "mild"}},
        ["baseline of 'mild' is 'mild' itself", "another level, or a control"],
    ),
    "for some": (
        {"baseline": {"mild": "mild, clean"}},
        ["baseline lacks 'steep'", "each level that is judged, or to none"],
    ),
    "a metric with a cap": (
        {"metric": "epochs_to_target", "settings": {"target": {"value": 0.9}}},
        ["epochs_to_target stops at a cap", "another metric"],
    ),
    "claimed numbers": (
        {"order": None, "claimed": {"mild": 0.1, "steep": 0.2}},
        ["claimed numbers are those of levels", "give an order instead"],
    ),
    "a kind without verdict": (
        {"kind": "definition", "metric": "parameters", "order": None},
        ["baseline belongs to claims that are judged", "definition"],
    ),
    "advice": (
        {"advice": {"when": "always"}, "contexts": {}},
        ["advice is on levels", "leave one of them out"],
    ),
    "a tuned level and a control": (
        {"tracks": ["as-written", "tuned"], "tune": {"l2": [0.1, 0.2]}},
        [
            "controls, which are never tuned",
            "'mild, clean', 'steep, clean'",
            "tracks: [as-written]",
        ],
    ),
    "one experiment": (
        {"controls": {"mild, clean": {"lr": 0.1}, "steep, clean": {}}},
        ["level 'mild' and its baseline 'mild, clean' are the same experiment"],
    ),
}


@pytest.mark.parametrize(("changes", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_baseline_is_named(tmp_path: Path, changes: Changes, words: list[str]) -> None:
    with pytest.raises(NnbenchError) as error:
        planned(tmp_path, sensitivity(**changes))
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)


def test_levels_that_are_not_judged_need_no_baseline(tmp_path: Path) -> None:
    levels = {"mild": {"lr": 0.1}, "steep": {"lr": 0.01}, "other": {"lr": 0.5}}
    kind = {"kind": "best", "order": None, "better": ["mild"], "than": ["steep"]}
    assert len(planned(tmp_path, sensitivity(levels=levels, **kind)).cells) == 5


# --- variants


def test_a_variant_has_a_baseline_of_its_own_or_none(tmp_path: Path) -> None:
    variants = {
        "plain": {"title": "as they are", "baseline": {}},
        "other": {"title": "others", "levels": {"mild": {"lr": 0.3}, "steep": {"lr": 0.4}}},
    }
    plan = planned(tmp_path, sensitivity(variants=variants), seeds=5)
    (own,) = (own for _, _, own in plan.claims())
    assert [own.reading(name).baseline for name in (None, "plain", "other")] == [CLEAN, {}, {}]


def test_a_variant_may_be_read_in_fewer_tracks_than_its_claim(tmp_path: Path) -> None:
    levels = {"relu": {"l2": 0.1}, "tanh": {"l2": 0.2}}
    variant = {"title": "as written alone", "tracks": ["as-written"], "levels": levels}
    plan = planned(tmp_path, claim(**TUNED, variants={"v": variant}))
    tracks = {(use.variant, use.track) for use in plan.uses}
    assert tracks == {(None, "as-written"), (None, "tuned"), ("v", "as-written")}
