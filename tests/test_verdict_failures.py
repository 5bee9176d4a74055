"""Orientation and scale, capped and diverged runs, and what cannot be judged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from verdict_cases import Values, chain, levels, random_levels, rule, statuses, verdict_of

from nnbench.claims.kinds import Kind
from nnbench.claims.outcomes import PairRule

# --- orientation and scale


MIRROR = {"UP": "REV", "REV": "UP", "equal": "equal"}


@pytest.mark.parametrize("seed", range(40))
def test_swapping_the_claimed_direction_mirrors_up_and_reversed(seed: int) -> None:
    values = random_levels(seed)
    swapped = [rule(r.worse, r.better) for r in chain()]
    pairs = zip(verdict_of(values, chain()).pairs, verdict_of(values, swapped).pairs, strict=True)
    for one, other in pairs:
        assert one.p_holm == pytest.approx(other.p_holm, abs=1e-15)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
        # Only the claimed direction has an uncorrected `up`: its mirror image is `unclear`.
        mirrored = MIRROR.get(one.status, "unclear")
        assert mirrored == (other.status if other.status != "up" else "unclear")


@pytest.mark.parametrize("seed", range(40))
def test_differs_does_not_care_which_level_is_named_first(seed: int) -> None:
    values = random_levels(seed)
    one = verdict_of(values, chain(), kind="differs")
    other = verdict_of(values, [rule(r.worse, r.better) for r in chain()], kind="differs")
    assert one.verdict == other.verdict
    assert statuses(one) == [MIRROR.get(status, status) for status in statuses(other)]


@pytest.mark.parametrize("seed", range(10))
def test_lower_is_better_is_higher_is_better_of_the_negated_values(seed: int) -> None:
    values = random_levels(seed)
    negated: Values = {name: [-v for v in row] for name, row in values.items()}
    assert verdict_of(negated, chain(), lower_is_better=True) == verdict_of(values, chain())


def test_on_the_log_scale_only_ratios_matter() -> None:
    loss = {name: np.exp(row).tolist() for name, row in levels(0, 1, 2, spread=0.3).items()}
    scaled: Values = {name: [1000 * v for v in row] for name, row in loss.items()}
    for values in (loss, scaled):
        verdict = verdict_of(values, chain(), lower_is_better=True, scale="log")
        assert verdict.verdict == "reproduced"
        assert [p.difference for p in verdict.pairs] == pytest.approx([1, 1, 2])


def test_a_loss_of_zero_is_better_than_any_other_and_not_infinitely() -> None:
    values = {"A": [0.0] * 6, "B": [0.1, 0.2, 0.1, 0.2, 0.1, 0.3]}
    verdict = verdict_of(values, chain("AB"), lower_is_better=True, scale="log")
    assert verdict.verdict == "reproduced"
    assert math.isfinite(verdict.pairs[0].high)


# --- runs stopped at their cap


def epochs(**capped_at_100: Sequence[float]) -> tuple[Values, dict[str, list[bool]]]:
    """Epochs to a target, with every 100 a run that had not reached it by then."""
    flags = {name: [value == 100 for value in row] for name, row in capped_at_100.items()}
    return dict(capped_at_100), flags


def test_a_level_that_always_hits_its_cap_is_worse_by_the_sign_test() -> None:
    values, capped = epochs(A=[10, 12, 9, 11, 13, 8, 10, 14, 12, 11], B=[100] * 10)
    verdict = verdict_of(values, chain("AB"), lower_is_better=True, scale="log", censored=capped)
    (pair,) = verdict.pairs
    assert verdict.verdict == "reproduced"
    assert pair.censored
    assert pair.p == pytest.approx(2 * 2**-10)
    ordered = np.sort(np.log(100 / np.array(values["A"])))
    # Of ten, the second and the ninth: P(Binomial(10, 1/2) <= 1) = 0.011, <= 2 would be 0.055.
    assert (pair.low, pair.high) == pytest.approx((ordered[1], ordered[8]))
    assert pair.difference == pytest.approx(np.median(ordered))


def test_one_capped_run_turns_its_pair_to_the_sign_test_and_only_its_pair() -> None:
    values, capped = epochs(A=[20, 21, 22, 23, 24], B=[30, 31, 29, 33, 35], C=[90, 95, 97, 100, 91])
    pairs = verdict_of(values, chain(), lower_is_better=True, scale="log", censored=capped).pairs
    assert [pair.censored for pair in pairs] == [False, True, True]
    assert pairs[1].p == pytest.approx(2 * 2**-5)
    assert pairs[0].p < 2 * 2**-5


def test_five_blocks_are_too_few_for_the_sign_test() -> None:
    values, capped = epochs(A=[10, 20, 30, 40, 50], B=[100] * 5)
    (pair,) = verdict_of(
        values, chain("AB"), lower_is_better=True, scale="raw", censored=capped
    ).pairs
    assert (pair.low, pair.difference, pair.high) == (-math.inf, 70, math.inf)
    assert (pair.p, pair.status, pair.power) == (2 * 2**-5, "unclear", None)


@pytest.mark.parametrize("kind", ["order", "equal", "best", "exists", "differs"])
def test_levels_that_never_reach_the_target_are_not_called_equal(kind: Kind) -> None:
    values, capped = epochs(A=[100] * 10, B=[100] * 10)
    verdict = verdict_of(
        values, chain("AB"), kind=kind, lower_is_better=True, scale="log", censored=capped
    )
    assert verdict.verdict == "inconclusive"
    assert verdict.pairs[0].p == 1


def test_unchanged_pairs_are_dropped_from_the_sign_test() -> None:
    values, capped = epochs(A=[10, 10, 10, 10, 100, 50], B=[20, 20, 20, 20, 100, 50])
    (pair,) = verdict_of(
        values, chain("AB"), lower_is_better=True, scale="raw", censored=capped
    ).pairs
    assert pair.p == pytest.approx(2 * 2**-4)


def test_reaching_the_target_in_the_last_epoch_beats_being_stopped_there() -> None:
    values = {"A": [100.0] * 6, "B": [100.0] * 6}
    (pair,) = verdict_of(
        values, chain("AB"), lower_is_better=True, scale="raw", censored={"B": [True] * 6}
    ).pairs
    assert pair.p == pytest.approx(2 * 2**-6)


def test_a_run_stopped_early_is_neither_better_nor_worse_than_one_that_took_longer() -> None:
    values = {"A": [50.0] * 6, "B": [70.0] * 6}
    (pair,) = verdict_of(
        values, chain("AB"), lower_is_better=True, scale="raw", censored={"A": [True] * 6}
    ).pairs
    assert (pair.p, pair.status) == (1, "unclear")


def test_two_runs_that_were_stopped_at_different_caps_are_no_evidence() -> None:
    values = {"A": [50.0] * 6, "B": [70.0] * 6}
    both = {"A": [True] * 6, "B": [True] * 6}
    (pair,) = verdict_of(
        values, chain("AB"), lower_is_better=True, scale="raw", censored=both
    ).pairs
    assert pair.p == 1


def test_a_tie_is_violated_by_capped_runs_that_are_far_apart() -> None:
    values, capped = epochs(A=[10] * 10, B=[100] * 10)
    verdict = verdict_of(
        values, chain("AB"), kind="equal", lower_is_better=True, scale="log", censored=capped
    )
    assert verdict.verdict == "contradicted"


# --- runs that diverged


def flags(*blocks: int, of: int = 10) -> list[bool]:
    return [block in blocks for block in range(of)]


def test_a_verdict_that_needs_the_diverged_runs_is_inconclusive() -> None:
    values = {name: list(row) for name, row in levels(0.05, 0, spread=0.2).items()}
    for block in range(4):
        values["B"][block] -= 5  # scored as an untrained predictor
    diverged = {"B": flags(0, 1, 2, 3)}
    assert verdict_of(values, chain("AB")).verdict == "reproduced"
    verdict = verdict_of(values, chain("AB"), excluded=diverged)
    assert (verdict.verdict, verdict.reason) == (
        "inconclusive",
        "the verdict depends on diverged runs",
    )
    assert verdict.pairs == verdict_of(values, chain("AB")).pairs


def test_a_verdict_that_stands_without_the_diverged_runs_stands() -> None:
    values = levels(2, 0, spread=0.3)
    verdict = verdict_of(values, chain("AB"), excluded={"B": flags(0, 9)})
    assert verdict == verdict_of(values, chain("AB"))
    assert verdict.blocks == 10


def test_a_verdict_that_is_small_with_or_without_the_diverged_runs_is_small() -> None:
    values = {name: list(row) for name, row in levels(0.4, 0, spread=0.2).items()}
    values["B"][0] -= 2  # without this run the difference is below the margin
    verdict = verdict_of(values, chain("AB"), excluded={"B": flags(0)})
    assert verdict_of(values, chain("AB")).verdict == "reproduced"
    assert (verdict.verdict, verdict.reason) == (
        "reproduced, small",
        "below the margin: A against B",
    )


@pytest.mark.parametrize(("diverged", "share"), [(range(10), "10 of 20"), (range(6), "6 of 20")])
def test_with_too_few_other_blocks_the_verdict_says_how_many_runs_diverged(
    diverged: range, share: str
) -> None:
    values = levels(2, 0, spread=0.3)
    verdict = verdict_of(values, chain("AB"), excluded={"B": flags(*diverged)})
    assert verdict.verdict == "reproduced"
    assert verdict.reason == f"every pair is as claimed; {share} runs diverged"


def test_five_blocks_without_divergence_are_enough_to_judge_again() -> None:
    values = {name: list(row) for name, row in levels(0.0, 0, spread=0.1).items()}
    for block in range(5):
        values["B"][block] -= 5
    verdict = verdict_of(values, chain("AB"), excluded={"B": flags(0, 1, 2, 3, 4)})
    assert verdict.reason == "the verdict depends on diverged runs"


def test_divergence_of_a_level_that_no_rule_names_changes_nothing() -> None:
    values = levels(2, 1, 0)
    pair = [rule("A", "B")]
    assert verdict_of(values, pair, excluded={"C": flags(*range(10))}) == verdict_of(values, pair)


# --- what cannot be judged


@pytest.mark.parametrize(
    ("values", "rules", "message"),
    [
        ({"A": [1.0] * 5}, [rule("A", "B")], r"rules need \['A', 'B'\], 5 blocks each"),
        ({"A": [1.0] * 5, "B": [1.0] * 4}, [rule("A", "B")], r"got {'A': 5, 'B': 4}: pad with NaN"),
        ({"A": [1.0] * 5}, [], r"rules need \[\]"),
        ({"A": [math.inf] * 5, "B": [1.0] * 5}, [rule("A", "B")], "untrained predictor"),
    ],
)
def test_values_that_cannot_be_paired_are_refused(
    values: Values, rules: list[PairRule], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        verdict_of(values, rules)


def test_flags_need_one_entry_a_block() -> None:
    for given in ([True] * 11, [True] * 9):
        with pytest.raises(ValueError, match="10 blocks each"):
            verdict_of(levels(1, 0), chain("AB"), excluded={"A": given, "B": given})
