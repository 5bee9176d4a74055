"""In general: the word for a claim, from effects in many contexts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from scipy import stats

from nnbench.claims.kinds import KINDS
from nnbench.claims.outcomes import PairRule, Role
from nnbench.verdicts.general import General, how_large, in_general
from nnbench.verdicts.general_pairs import GeneralPair
from nnbench.verdicts.pooling import Effect, pool

MARGIN = 0.5
ONE = [0.9, 1.1, 1.0, 0.95, 1.05, 1.0, 0.9, 1.1]  # as claimed everywhere
HALF = [1.0, 1.1, -1.0, -1.1, 0.9, 1.0, -0.9, -1.0]  # reversed on every second data set
ZERO = [0.02, -0.01, 0.0, 0.03, -0.02, 0.01, 0.0, -0.03]
UNSURE = [2.0, -1.5, 1.0, -2.0, 2.5, -1.0, 1.5, -0.5]  # where the errors are large


def at(
    differences: Sequence[float], *, error: float = 0.05, each: int = 2, blocks: int = 5
) -> list[Effect]:
    """Contexts c0, c1, …, ``each`` on a data set."""
    return [
        Effect(
            context=f"c{i}", dataset=f"d{i // each}", difference=y, standard_error=error,
            blocks=blocks,
        )
        for i, y in enumerate(differences)
    ]  # fmt: skip


def pair(
    better: str = "A", worse: str = "B", *, tie: bool = False, role: Role = "pair"
) -> PairRule:
    return PairRule(better=better, worse=worse, margin=MARGIN, tie=tie, role=role)


def one(effects: Sequence[Effect], *, kind: str = "best", tie: bool = False) -> General:
    return in_general([(pair(tie=tie), effects)], kind=kind)


def of_pair(effects: Sequence[Effect], *, tie: bool = False) -> GeneralPair:
    return one(effects, tie=tie).pairs[0]


def negated(differences: Sequence[float]) -> list[float]:
    return [-y for y in differences]


# --- one pair


def test_what_is_as_claimed_in_eight_contexts_over_four_data_sets_is_general() -> None:
    found = one(at(ONE))
    assert found.word == "general"
    assert found.reason == "A against B is as claimed, also to be expected in a new context"
    assert found.pairs[0].pooled.prediction_low > 0


@pytest.mark.parametrize(
    ("count", "each"), [pytest.param(7, 1, id="contexts"), pytest.param(8, 3, id="data sets")]
)
def test_fewer_contexts_or_data_sets_are_usual_at_best(count: int, each: int) -> None:
    assert one(at(ONE[:count], each=each)).word == "usual"


def test_two_data_sets_say_nothing_in_general_but_that_it_depends() -> None:
    assert one(at(ONE, each=4)).word == "unknown"
    assert one(at(ZERO, each=4)).word == "unknown"
    assert one(at(HALF, each=4)).word == "depends"


def test_neither_is_an_effect_absent_nor_a_tie_found_by_one_data_set_alone() -> None:
    """One outweighs the others, whose errors are so large that they would show nothing."""
    effects = at([0.0] * 8, error=0.8)
    effects[:2] = [replace(effect, standard_error=0.1) for effect in effects[:2]]
    for tie in (False, True):
        found = of_pair(effects, tie=tie)
        assert -MARGIN < found.pooled.low < found.pooled.high < MARGIN
        assert found.word == "unknown"


def test_a_small_effect_may_be_general_too() -> None:
    assert one(at([y / 5 for y in ONE], error=0.01)).word == "general"


def test_what_one_data_set_carries_is_neither_general_nor_usual() -> None:
    """Its errors are so small that it outweighs the others, which alone would show nothing."""
    effects = at([1.0, 1.0, 0.1, 0.3, 1.8, 1.9, 0.9, 1.0], error=0.6)
    effects[:2] = [replace(effect, standard_error=0.1) for effect in effects[:2]]
    found = of_pair(effects)
    assert found.pooled.prediction_low > 0
    assert [rest.dataset for rest in found.pooled.without if rest.low <= 0] == ["d0"]
    assert found.word == "unknown"


def test_as_claimed_on_average_but_not_in_a_new_context_is_usual() -> None:
    found = one(at([1.5, 0.1, 0.9, 0.2, 1.4, 0.1, 1.0, 0.3], error=0.3))
    assert found.word == "usual"
    assert (
        found.reason == "A against B is as claimed on average, and 8 of 8 contexts point that way"
    )


def test_as_claimed_here_and_reversed_there_depends() -> None:
    found = one(at(HALF))
    assert found.word == "depends"
    assert found.reason == "A against B is as claimed in 4 of 8 contexts and reversed in 4"
    assert found.pairs[0].holds_in == ("c0", "c1", "c4", "c5")
    assert found.pairs[0].fails_in == ("c2", "c3", "c6", "c7")


def test_reversals_below_the_margin_or_unsure_ones_are_no_dependence() -> None:
    small = [1.0, 1.1, -0.2, -0.3, 0.9, 1.0, -0.2, -0.3]
    assert one(at(small)).word == "unknown"
    unsure = at(HALF, error=0.3)  # p = 0.03 each, before the correction
    assert one(unsure).word == "unknown"
    assert of_pair(unsure).shown["c2"] == "reversed"


def test_a_clause_counts_contexts_as_the_table_marks_them_and_after_correction() -> None:
    mixed = [*at([2.0, 2.0, -2.0, -2.0]), *at(HALF, error=0.3)[4:]]
    effects = [replace(e, context=f"c{i}") for i, e in enumerate(mixed)]
    found = one(effects)
    assert found.reason == (
        "A against B is as claimed in 4 of 8 contexts (2 after correction for their number) and "
        "reversed in 4 (2 after correction for their number)"
    )


@pytest.mark.parametrize("error", [0.1, 0.2, 0.3, 0.36, 0.37, 0.5])
def test_a_mark_agrees_with_the_95_percent_interval_of_its_context(error: float) -> None:
    effect = replace(*at([1.0], error=error), context="own")
    far = float(stats.t.ppf(0.975, effect.blocks - 1)) * error
    pair = of_pair([effect, *at([1.0, 1.0, 1.0])])
    assert (pair.shown[effect.context] == "as claimed") == (far < 1.0)


def test_no_effect_is_absent_and_a_reversed_one_is_reversed() -> None:
    assert one(at(ZERO)).word == "absent or reversed"
    assert one(at(ZERO)).reason == "A against B is below the margin on average"
    assert one(at(negated(ONE))).word == "absent or reversed"
    assert one(at(negated(ONE))).reason == "A against B is reversed on average"


def test_contexts_that_disagree_without_being_sure_settle_nothing() -> None:
    found = one(at(UNSURE, error=1.0))
    assert found.word == "unknown"
    assert found.reason == "A against B is unclear on average, and 4 of 8 contexts point as claimed"


@pytest.mark.parametrize(
    ("count", "each", "said"),
    [
        (2, 1, "measured in too few contexts (2) and on too few data sets (2)"),
        (6, 6, "measured on too few data sets (1)"),
        (0, 1, "measured in too few contexts (0) and on too few data sets (0)"),
    ],
)
def test_too_few_contexts_or_one_data_set_say_nothing_in_general(
    count: int, each: int, said: str
) -> None:
    found = one(at(ONE[:count], each=each))
    assert found.word == "unknown"
    assert found.reason == f"A against B is {said}"
    assert one(at(ONE[:count], each=each), kind="differs").word == "unknown"
    assert one(at(ONE[:count], each=each), kind="exists").word == "unknown"


def test_what_is_ahead_by_less_than_the_margin_is_not_said_to_be_as_claimed() -> None:
    found = one(at([0.4 * y for y in ONE], each=3))
    assert found.word == "usual"
    assert found.reason == "A against B is small on average, and 8 of 8 contexts point that way"


def test_each_context_shows_what_its_own_blocks_show() -> None:
    errors = [0.1, 0.05, 0.05, 0.1, 1.0]
    effects = [
        replace(effect, standard_error=error)
        for effect, error in zip(at([1.0, 0.45, 0.1, -1.0, 0.2]), errors, strict=True)
    ]
    found = of_pair(effects)
    assert list(found.shown.values()) == ["as claimed", "small", "equal", "reversed", "unclear"]
    assert [(share.count, share.total) for share in found.shares.values()] == [(1, 5)] * 5
    assert (found.pointing.count, found.pointing.total) == (4, 5)


def test_blocks_that_all_agree_are_judged_by_their_sign() -> None:
    found = of_pair(at([1.0, -1.0, 0.0, 0.2], error=0.0))
    assert list(found.shown.values()) == ["as claimed", "reversed", "equal", "equal"]


def test_a_context_without_a_standard_error_counts_nowhere() -> None:
    effects = at(ONE)
    effects[0] = replace(effects[0], standard_error=math.nan, blocks=1)
    found = one(effects)
    assert found.word == "usual"  # seven contexts are left
    assert found.pairs[0].pooled.left_out == ("c0",)
    assert "c0" not in found.pairs[0].shown


# --- ties


def test_a_claimed_tie_is_general_if_a_new_context_lies_within_the_margin() -> None:
    assert one(at(ZERO), kind="equal", tie=True).word == "general"
    assert one(at(ZERO[:6]), kind="equal", tie=True).word == "usual"


def test_a_tie_that_holds_here_and_is_violated_there_depends() -> None:
    found = one(at([0.0, 0.01, 2.0, 2.1, 0.0, 0.02, 2.0, 1.9]), kind="equal", tie=True)
    assert found.word == "depends"
    assert found.reason == "A against B is as claimed in 4 of 8 contexts and different in 4"
    assert found.pairs[0].shown["c2"] == "violated"
    assert found.pairs[0].shown["c0"] == "holds"


def test_a_tie_is_absent_where_levels_differ_one_way_or_now_one_now_the_other() -> None:
    assert one(at([2 * y for y in ONE]), kind="equal", tie=True).word == "absent or reversed"
    both = one(at([2 * y for y in HALF]), kind="equal", tie=True)
    assert both.word == "absent or reversed"
    assert both.reason == "A against B is different by more than the margin"


def test_a_tie_of_unsure_contexts_is_unknown() -> None:
    assert one(at(UNSURE, error=1.0), kind="equal", tie=True).word == "unknown"


# --- claims of several pairs


def order(ab: Sequence[float], bc: Sequence[float], ac: Sequence[float]) -> General:
    rules = (pair("A", "B", role="adjacent"), pair("B", "C", role="adjacent"))
    rules = (*rules, pair("A", "C", role="extremes"))
    return in_general(
        [(rule, at(found)) for rule, found in zip(rules, (ab, bc, ac), strict=True)], kind="order"
    )


def test_an_order_is_general_if_all_its_steps_are() -> None:
    assert order(ONE, ONE, [2 * y for y in ONE]).word == "general"
    wide = [1.5, 0.1, 0.9, 0.2, 1.4, 0.1, 1.0, 0.3]
    assert order(ONE, wide, ONE).word == "usual"
    assert order(ONE, UNSURE, ONE).word == "depends"  # its errors are small: sure both ways


def test_an_order_depends_if_any_pair_does() -> None:
    assert order(ONE, HALF, ONE).word == "depends"
    assert order(ONE, HALF, ONE).reason.startswith("B against C is as claimed in 4 of 8 contexts")


def test_an_order_with_a_step_that_holds_and_one_that_does_not_depends_on_the_levels() -> None:
    found = order(ONE, ZERO, ONE)
    assert found.word == "depends"
    assert [p.word for p in found.pairs] == ["general", "absent or reversed", "general"]
    assert "A against B is as claimed, also to be expected" in found.reason
    assert "B against C is below the margin" in found.reason


def test_an_order_whose_ends_are_reversed_or_equal_is_reversed_or_absent() -> None:
    assert order(negated(ONE), negated(ONE), negated(ONE)).word == "absent or reversed"
    assert order(ONE, negated(ONE), negated(ONE)).word == "absent or reversed"
    assert order(ZERO, ZERO, ZERO).word == "absent or reversed"


def test_the_best_level_is_not_the_best_if_one_rival_is_better() -> None:
    rivals = [(pair("A", "B"), at(ONE)), (pair("A", "C"), at(negated(ONE)))]
    assert in_general(rivals, kind="best").word == "absent or reversed"
    rivals = [(pair("A", "B"), at(ONE)), (pair("A", "C"), at(ZERO))]
    assert in_general(rivals, kind="best").word == "depends"


def test_holms_correction_runs_over_all_contexts_of_all_pairs() -> None:
    effects = at(HALF, error=0.16)  # one-sided p = 0.001 to 0.002
    assert one(effects).word == "depends"
    many = in_general([(pair("A", name), effects) for name in "BCDEFG"], kind="best")
    assert many.word == "unknown"


# --- kinds that one pair is enough for


def test_a_difference_counts_in_either_direction() -> None:
    found = one(at(HALF), kind="differs")
    assert found.word == "general"  # they differ in every context
    assert found.found is not None
    assert (found.found.count, found.found.total) == (8, 8)
    assert found.reason == "found in 8 of 8 contexts"
    (pair,) = found.pairs
    assert set(pair.shown.values()) == {"as claimed"}
    other = one(at(negated(ONE)), kind="differs")
    assert (other.word, other.pairs[0].word, other.pairs[0].pointing.count) == (
        "general",
        "general",
        8,
    )


def test_a_difference_depends_is_usual_or_absent() -> None:
    assert one(at([*HALF[:4], *ZERO[:4]]), kind="differs").word == "depends"
    some = [*HALF[:6], 0.4, 0.45]  # neither a difference beyond the margin nor none
    assert one(at(some), kind="differs").word == "usual"
    assert one(at(ZERO), kind="differs").word == "absent or reversed"
    assert one(at(UNSURE, error=1.0), kind="differs").word == "unknown"


def test_what_can_happen_is_counted_and_never_absent() -> None:
    assert one(at(ONE), kind="exists").word == "general"
    some = one(at([*ONE[:2], *ZERO[:6]]), kind="exists")
    assert (some.word, some.reason) == ("depends", "found in 2 of 8 contexts")
    assert one(at([*ONE[:6], *negated(ONE)[:2]]), kind="exists").word == "usual"
    none = one(at(negated(ONE)), kind="exists")
    assert (none.word, none.reason) == ("unknown", "found in 0 of 8 contexts, and the reverse in 8")


def test_every_kind_that_is_judged_has_a_word() -> None:
    for name, kind in KINDS.items():
        if kind.outcome:
            assert one(at(ONE), kind=name, tie=kind.ties).word != "unknown"


# --- how large


def test_the_size_is_a_share_of_what_was_claimed() -> None:
    pooled = pool(at(ONE))
    size = how_large(pooled, claimed=2.0)
    assert size is not None
    assert size.share == pytest.approx(0.5)
    assert (size.low, size.high) == pytest.approx((pooled.low / 2, pooled.high / 2))
    assert how_large(pooled, claimed=0.0) is None
    assert how_large(pooled, claimed=math.inf) is None
