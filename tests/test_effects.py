"""How large an effect is in a few words, and which intervals say anything at all."""

from __future__ import annotations

import math

import pytest
from all_sentences import either_way, general_pair
from made_up_parts import pair
from made_up_results import typed

from nnbench.claims.claim import Claim
from nnbench.metrics import METRICS
from nnbench.records.pair import PairResult
from nnbench.text import effects, generality, wording
from nnbench.text.levels import renamed
from nnbench.text.there import names_there, there

LOSS, ACCURACY, GAP = (METRICS[name] for name in ("test_loss", "test_accuracy", "loss_gap"))


@pytest.mark.parametrize(
    ("difference", "metric", "text"),
    [
        (math.log(1.45), LOSS, "With SGD, test loss is 45 % larger"),
        (math.log(8.34), LOSS, "With SGD, test loss is 8.3 times as large"),
        (0.171, ACCURACY, "With Adam, test accuracy is 17 points higher"),
        (0.01, ACCURACY, "With Adam, test accuracy is 1 point higher"),
        (0.124, GAP, "With Adam, loss gap (test minus training) is 0.12 nats lower"),
    ],
)
def test_an_effect_names_the_level_with_the_larger_loss_or_the_better_one(
    difference: float, metric, text: str
) -> None:
    assert effects.effect("Adam", "SGD", difference, metric)[0] == text


@pytest.mark.parametrize(
    ("difference", "metric", "text"),
    [
        (math.log(1.05), LOSS, "5 %"),
        (math.log(10), LOSS, "a factor of 10"),
        (0.1, ACCURACY, "10 points"),
    ],
)
def test_a_margin_is_told_in_the_unit_of_its_metric(difference: float, metric, text: str) -> None:
    assert effects.size(difference, metric) == text


def test_an_interval_over_the_whole_range_or_ten_times_either_way_says_nothing() -> None:
    assert effects.says_nothing(-1.27, 1.4, ACCURACY)
    assert not effects.says_nothing(-0.5, 0.6, ACCURACY)
    assert effects.says_nothing(math.log(0.07), math.log(36_857), LOSS)
    assert not effects.says_nothing(math.log(0.2), math.log(39), LOSS)
    assert generality.interval(2.9, math.log(0.0026), math.log(1e5), LOSS) == "18 times [anything]"
    assert generality.brief(None, -1.3, 0.2, ACCURACY) == "anything"


def test_two_data_sets_give_no_interval_and_say_why() -> None:
    few = general_pair().model_copy(update={"datasets": 2})
    assert (few.ends, few.new_ends) == ((None, None), (None, None))
    text = generality.pair(few, LOSS)
    assert "(two data sets are too few for an interval)" in text
    assert "in a new context" not in text
    assert "CI" in generality.pair(general_pair(), LOSS)


def test_large_ratios_are_rounded_to_what_a_reader_keeps() -> None:
    assert generality.interval(math.log(119_337), None, None, LOSS) == "119,000 times"


def test_what_levels_are_in_contexts_is_said_where_it_is_something_else() -> None:
    own = {
        "free": ("train_for",), "settings": {"checkpoint": "last"},
        "levels": {"10,000": {"train_share": 0.01}, "all": {}},
    }  # fmt: skip
    claim = Claim(
        title="t", quote="q", kind="best", better=("all",), than=("10,000",), contexts=own,
        settings={"train_for": "10 epochs"}, datasets={"digits": {}},
        levels={"10,000": {"train_size": 10_000}, "all": {}},
    )  # fmt: skip
    assert there(claim) == (
        "There the levels stand for other settings: “10,000” for 1 % of the training samples, “all” for what the context has. "
        "All levels have checkpoint = last there. The context sets train_for, not the claim."
    )
    assert there(claim.model_copy(update={"contexts": None})) == ""


def test_what_every_level_sets_itself_is_not_said_of_all_levels() -> None:
    own = {
        "free": ("train_for", "lr"),
        "settings": {"activation": "relu", "init": "glorot", "train_for": "600 steps"},
    }
    claim = Claim(
        title="t", quote="q", kind="best", better=("a",), than=("b",), contexts=own,
        settings={"train_for": "10 epochs", "lr": 0.1}, datasets={"digits": {}},
        levels={"a": {"activation": "tanh"}, "b": {"activation": "sigmoid", "init": "normal"}},
    )  # fmt: skip
    assert there(claim) == (
        "All levels have train_for = 600 steps there. Levels that say nothing else have init = glorot there. "
        "The context sets lr, not the claim."
    )


def test_levels_that_stand_for_others_in_contexts_are_called_so_there() -> None:
    claim = Claim(
        title="t", quote="q", kind="best", better=("all",), than=("10,000",), datasets={"digits": {}},
        contexts={"levels": {"10,000": {"train_share": 0.01}, "all": {}}},
        levels={"10,000": {"train_size": 10_000}, "all": {}},
        advice={"when": "always", "levels": {"10,000": "a hundredth of the samples"}},
    )  # fmt: skip
    names = names_there(claim)
    assert renamed("Test loss of “10,000” is larger than that of “all”", names) == (
        "Test loss of a hundredth of the samples is larger than that of “all”"
    )
    assert names_there(claim.model_copy(update={"contexts": None})) == {}


def test_an_accuracy_is_at_a_percentage_and_of_a_name() -> None:
    said = wording.compared("100 %", "ReLU", 0.03, {}, ACCURACY)
    assert said == "Test accuracy at “100 %” is 3.00 points higher than that of ReLU"


@pytest.mark.parametrize(
    ("difference", "claimed", "metric", "text"),
    [
        # ln(1.07) is 12 % of ln(0.35 / 0.20), which is 75 %
        (math.log(1.07), math.log(0.35 / 0.20), LOSS, "12 % of the claimed 75.0 % (in logarithms)"),
        (0.03, 0.15, ACCURACY, "20 % of the claimed 15.00 points"),
        (-0.03, 0.15, ACCURACY, "20 % of the claimed 15.00 points, but the other way round"),
    ],
)  # fmt: skip
def test_a_share_names_what_it_is_a_share_of(
    difference: float, claimed: float, metric, text: str
) -> None:
    assert generality._share(difference, claimed, metric) == f", {text}"


@pytest.mark.parametrize(
    ("differences", "metric", "text"),
    [
        # exp(0.2) - 1 = 22.1 %; positive: the first is better, so the second's loss is the larger one
        ((0.12, -0.3, 0.2), "test_loss", "test loss of ReLU and of “0.1” differs by 22.1 %; that of “0.1” is larger in 2 of 3"),
        ((0.12, -0.3, 0.2), "test_accuracy", "test accuracy of “0.1” and of ReLU differs by 20.00 points; that of ReLU is higher in 2 of 3"),
        ((-2.6, -2.4, 0.2), "test_loss", "test loss of ReLU and of “0.1” differs by a factor of 11; that of “0.1” is larger in 1 of 3"),
    ],
)  # fmt: skip
def test_differences_in_both_directions_are_not_averaged_away(
    differences: tuple[float, ...], metric: str, text: str
) -> None:
    said = generality.average(either_way(*differences), METRICS[metric])
    assert said == f"In the median context {text}"


def test_differences_all_in_one_direction_have_an_average() -> None:
    assert generality.average(either_way(0.12, 0.3, 0.2), METRICS["test_loss"]).startswith(
        "On average, "
    )


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert generality.interval(-0.00001, None, None, ACCURACY) == "0.00 points"


@pytest.mark.parametrize(
    ("difference", "margin", "said"),
    [(0.0099996, 0.01, "0.99996"), (0.0694, 0.07, "6.94"), (0.06996, 0.07, "6.996")],
)
def test_a_difference_below_its_margin_never_reads_as_the_margin(
    difference: float, margin: float, said: str
) -> None:
    made = pair("a", "b", difference, "UP", unit="raw", margin=margin, small=True)
    text = wording.pair(typed(PairResult, made), ACCURACY)
    assert text.startswith(f"Test accuracy of a is {said} points higher than that of b")
