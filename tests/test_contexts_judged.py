"""A claim over contexts with known effects: the word, the numbers, and what stands in the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from made_up_contexts import activations, in_contexts, listed, measured

from nnbench.records.general import GeneralResult
from nnbench.report.figures.forest import forest_plot
from nnbench.report.general import context_table, described, pair_table
from nnbench.report.write import report_files
from nnbench.verdicts.judge import judge

SETS = ("digits", "wine", "mnist1d", "breast_cancer")
NINE = listed(*SETS, *SETS, "digits")
ALIKE = dict(zip(NINE, (1.40, 1.44, 1.48, 1.52, 1.42, 1.46, 1.50, 1.45, 1.47), strict=True))


def general(folder: Path, ratios: Mapping[str | None, float]) -> GeneralResult:
    plan = in_contexts(folder, NINE, activations())
    measured(plan, {None: 1.5, **ratios})
    (claim,) = judge(plan).claims
    assert claim.general is not None
    return claim.general


def test_an_effect_in_every_context_is_general(tmp_path: Path) -> None:
    found = general(tmp_path, ALIKE)
    assert (found.word, found.measured, found.planned, found.datasets) == ("general", 9, 9, 4)
    (pair,) = found.pairs
    ratios = [math.log(ratio) for ratio in ALIKE.values()]
    assert pair.difference == pytest.approx(sum(ratios) / 9, abs=0.002)
    assert pair.low is not None
    assert pair.prediction_low is not None
    assert 0 < pair.prediction_low < pair.low < pair.difference
    assert pair.pointing == 9
    assert "It holds in general (9 contexts on 4 data sets)" in found.sentence
    assert "9 of 9 contexts point as claimed" in pair.text


def test_an_effect_that_is_reversed_elsewhere_depends(tmp_path: Path) -> None:
    found = general(tmp_path, {name: 1.5 if i % 2 else 1 / 1.5 for i, name in enumerate(NINE)})
    assert found.word == "depends"
    (pair,) = found.pairs
    assert pair.shares == {"as claimed": 4, "reversed": 5}


def test_no_effect_is_absent(tmp_path: Path) -> None:
    ratios = (1.00, 1.01, 0.99, 1.005, 0.995, 1.0, 1.01, 0.99, 1.0)
    found = general(tmp_path, dict(zip(NINE, ratios, strict=True)))
    assert found.word == "absent or reversed"
    assert found.pairs[0].shares == {"equal": 9}


def test_a_context_in_which_both_levels_are_one_run_shows_no_effect_and_counts(
    tmp_path: Path,
) -> None:
    plan = in_contexts(tmp_path, NINE, activations())
    measured(plan, {None: 1.5, **ALIKE}, one_run=["c2", "c5"])
    (claim,) = judge(plan).claims
    assert claim.general is not None
    (pair,) = claim.general.pairs
    assert (claim.general.measured, pair.contexts) == (9, 9)
    assert pair.shares == {"as claimed": 7, "equal": 2}


def test_levels_that_are_one_run_in_every_context_have_no_effect_to_measure(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, NINE, activations())
    measured(plan, {None: 1.5, **ALIKE}, one_run=NINE)
    (claim,) = judge(plan).claims
    assert claim.general is not None
    assert (claim.general.measured, claim.general.word) == (0, "unknown")


def test_contexts_that_are_not_measured_are_counted_and_leave_the_rest(tmp_path: Path) -> None:
    found = general(tmp_path, {"c0": 1.4, "c1": 1.5})
    assert (found.measured, found.planned, found.word) == (2, 9, "unknown")
    assert found.sentence.endswith("7 contexts without a value.")


def test_it_is_said_where_a_difference_is_the_other_way_round_here(tmp_path: Path) -> None:
    for here, said in ((1 / 1.5, True), (1.5, False)):
        folder = tmp_path / f"{here:.1f}"
        folder.mkdir()
        found = general(folder, {None: here, **dict.fromkeys(NINE, 1.5)})
        assert found.sentence.endswith("Here it is the other way round.") is said


def test_how_large_it_is_stands_beside_what_was_claimed(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, NINE, activations())
    measured(plan, {None: 1.5, **ALIKE})
    (claim,) = judge(plan).claims
    assert "58 % of the claimed 100.0 % (in logarithms)" in claim.how_large  # ln 1.5 of ln 2
    assert claim.general is not None
    assert claim.general.pairs[0].claimed_difference == pytest.approx(math.log(2))


def test_what_contexts_show_stands_in_page_and_markdown(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, NINE, activations())
    measured(plan, {None: 1.5, **ALIKE})
    results = judge(plan)
    files = {name: data for page in report_files(results) for name, data in page.items()}
    for name in ("index.html", "README.md"):
        text = files[name].decode()
        assert "In general: 9 contexts on 4 data sets" in text
        assert "relu against tanh" in text
        assert "8 units" in text
    assert "1\u00a0general" in files["index.html"].decode().replace("&nbsp;", "\u00a0")
    assert any(name.endswith("in-general.svg") for name in files)
    assert results.summary.general == {"general": 1}


def test_the_claims_own_verdict_does_not_depend_on_contexts(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, NINE, activations())
    measured(plan, {None: 1.5, **dict.fromkeys(NINE, 0.5)})
    (claim,) = judge(plan).claims
    assert claim.verdict == "reproduced"
    assert claim.general is not None
    assert claim.general.word == "absent or reversed"
    assert [finding.dataset for finding in claim.results] == ["digits"]


def test_what_a_claim_sets_itself_tells_no_contexts_apart(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, NINE, activations(settings={"optimizer": "sgd"}))
    measured(plan, {None: 1.5, **ALIKE})
    results = judge(plan)
    (claim,) = results.claims
    assert claim.general is not None
    assert set(claim.general.settled) == {"optimizer", "activation"}
    looks = {moderator.factor for moderator in claim.general.moderators}
    assert "samples" in looks
    assert "optimiser" not in looks
    context = next(c for c in results.contexts if c.values["samples"] == "half")
    assert "optimiser" in context.values
    said = described(context, claim.general)
    assert ("optimiser" in said, "units" in said, "half" in said) == (False, True, True)


def test_a_size_of_the_claims_own_replaces_a_share_of_the_contexts(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, NINE, activations(settings={"train_size": 100}))
    measured(plan, {None: 1.5, **ALIKE})
    results = judge(plan)
    (claim,) = results.claims
    assert all("samples half" not in described(c, claim.general) for c in results.contexts)
    assert {
        c.told(claim.general.settled)["dataset"] for c in results.contexts if claim.general
    } == set(SETS)


def test_a_difference_without_a_direction_is_never_reversed(tmp_path: Path) -> None:
    ratios = {name: 1.5 if i % 2 else 1 / 1.5 for i, name in enumerate(NINE)}
    plan = in_contexts(tmp_path, NINE, activations(kind="differs", claimed={}))
    measured(plan, {None: 1.5, **ratios})
    (claim,) = judge(plan).claims
    assert claim.general is not None
    (pair,) = claim.general.pairs
    assert (pair.either, pair.shares) == (True, {"as claimed": 9})
    assert {effect.shown for effect in pair.effects} == {"as claimed"}
    assert "in the median context" in pair.text.lower()


@pytest.mark.parametrize("expected", [[], ["not converged"]])
def test_a_flag_that_is_what_the_sentence_says_is_not_held_against_it(
    expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnbench.verdicts.flags._not_converged", lambda *_: ["tanh"])
    plan = in_contexts(tmp_path, NINE, activations(expected=expected))
    measured(plan, {None: 1.5, **ALIKE})
    (claim,) = judge(plan).claims
    assert claim.general is not None
    flags = [flag.name for flag in claim.results[0].flags]
    assert (flags, claim.general.word) == (
        ([], "general") if expected else (["not converged"], "depends")
    )


@pytest.mark.parametrize(
    ("kind", "positive", "pointing"),
    [
        ("order", "positive is as claimed", "Points as claimed in"),
        ("differs", "positive where the first is better", "Points the same way in"),
        ("equal", "positive where the first is better", "Points within the margin in"),
    ],
)
def test_what_is_positive_is_as_claimed_only_where_a_direction_is(
    kind: str, positive: str, pointing: str, tmp_path: Path
) -> None:
    numbers = {"claimed": {}} if kind != "order" else {}
    plan = in_contexts(tmp_path, NINE, activations(kind=kind, **numbers))
    measured(plan, {None: 1.5, **ALIKE})
    results = judge(plan)
    (claim,) = results.claims
    table, contexts = pair_table(claim), context_table(claim, results.contexts)
    assert table
    assert contexts
    assert positive in table.caption
    assert positive in contexts.caption
    assert pointing in table.columns
    figure = forest_plot(claim, results.contexts)
    assert figure
    assert ("as claimed" in figure.body.rpartition("</title>")[2]) == (kind == "order")
