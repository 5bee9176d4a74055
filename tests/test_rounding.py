"""Numbers are rounded to what their interval supports."""

from __future__ import annotations

import pytest

from nnbench.records.level import Bounds
from nnbench.text import rounding


def texts(intervals, unit):
    bounds = [Bounds(mean=mean, low=low, high=high) for mean, low, high in intervals]
    return rounding.interval_texts(bounds, unit)


@pytest.mark.parametrize(
    ("half_width", "decimals"),
    [(0.0081, 3), (0.0022, 4), (0.4, 1), (0.25, 2), (3.6, 0), (25.0, 0), (360.0, -2), (0.0354, 3)],
)
def test_an_uncertainty_keeps_two_digits_below_355_and_one_above(half_width, decimals):
    assert rounding.decimals_for(half_width) == decimals


def test_a_value_has_as_many_decimals_as_its_interval():
    assert texts([(0.31242, 0.30432, 0.32052)], "nats") == ["0.312 ± 0.008"]
    assert texts([(0.91342, 0.90942, 0.91742)], "fraction") == ["91.3 ± 0.4"]
    assert texts([(12_345.0, 12_000.0, 12_690.0)], "epochs") == ["12,340 ± 340"]


def test_rows_of_a_column_line_up_where_one_decimal_more_suffices():
    column = [(0.937, 0.933, 0.941), (0.9288, 0.9263, 0.9313), (0.1, 0.02, 0.18)]
    assert texts(column, "fraction") == [
        "93.70 ± 0.40",
        "92.88 ± 0.25",
        "10.0 ± 8.0",
    ]


def test_a_lopsided_interval_is_written_with_both_ends():
    assert texts([(3.9, 2.2, 7.0)], "epochs") == ["3.9 [2.2, 7.0]"]


def test_without_an_interval_the_value_stands_alone_and_nothing_is_a_dash():
    assert texts([(0.2345, None, None), (None, None, None)], "nats") == [
        "0.234",
        "–",
    ]


def test_equal_runs_have_an_interval_of_zero():
    assert texts([(0.5, 0.5, 0.5)], "fraction") == ["50.00 ± 0"]


def test_claimed_values_keep_the_decimals_of_the_documents_table():
    assert rounding.claimed_texts([0.35, 0.2, None], "nats") == ["0.35", "0.20", "–"]
    assert rounding.claimed_texts([0.992, 0.81], "fraction") == ["99.2", "81.0"]
    assert rounding.claimed_texts([1000.0, 1e6], "count") == ["1,000", "1,000,000"]


@pytest.mark.parametrize(
    ("percent", "text"),
    [(12.3, "+12\u00a0%"), (-0.42, "−0.42\u00a0%"), (0.0, "0\u00a0%"), (1300.0, "×14")],
)
def test_changes_carry_their_sign_and_large_ones_are_factors(percent, text):
    assert rounding.signed_percent(percent) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.4936, "0.49\u00a0s"),
        (59.7, "60\u00a0s"),
        (812, "13\u00a0min 32\u00a0s"),
        (7260, "2\u00a0h 1\u00a0min"),
    ],
)
def test_durations_use_the_two_largest_units(seconds, text):
    assert rounding.duration_text(seconds) == text


def test_tiny_p_values_are_bounds():
    assert [rounding.p_text(p) for p in (None, 0.00012, 0.0123, 0.5)] == [
        "–",
        "<\u00a00.001",
        "0.012",
        "0.50",
    ]


def test_minus_signs_are_typographic_and_zero_has_none():
    assert rounding.significant(-0.25) == "−0.250"
    assert texts([(-0.0001, -0.05, 0.05)], "nats")[0].startswith("0.00")


@pytest.mark.parametrize(
    ("title", "unit", "text"),
    [
        ("Test loss", "nats", "Test loss, nats"),
        ("Training time", "seconds", "Training time, seconds"),
        ("Images per second", "per second", "Images per second"),
        ("Reconstruction error", "ratio", "Reconstruction error"),
        ("Rank correlation", "correlation", "Rank correlation"),
        ("Mean absolute test error", "deviations", "Mean absolute test error, deviations"),
        ("Parameters", "count", "Parameters"),
    ],
)
def test_a_title_names_its_unit_once(title: str, unit: str, text: str) -> None:
    assert rounding.with_unit(title, unit) == text


def test_counts_are_exact_below_a_billion() -> None:
    assert rounding.value_text(138_357_544, "count") == "138,357,544"
    assert rounding.value_text(15_470_264_320, "count") == "15.47\u00a0billion"
    assert rounding.claimed_texts([15.3e9, None], "count") == ["15.3\u00a0billion", "–"]


def test_ranks_are_ordinals() -> None:
    assert [rounding.ordinal(rank) for rank in (1, 2, 3, 4, 11, 12, 13, 21, 22)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd",
    ]  # fmt: skip


def test_losses_have_the_unit_of_what_is_minimised_and_none_if_that_differs() -> None:
    assert rounding.loss_unit("cross_entropy", "classification") == "nats"
    assert rounding.loss_unit("mse", "classification") == "ratio"
    assert rounding.loss_unit("mae", "regression") == "deviations"
    own = rounding.loss_unit(None, "regression")
    assert rounding.with_unit("Test loss", own) == "Test loss, own objective"
    assert (rounding.unit_behind(own), rounding.unit_behind("nats")) == ("", "nats")
