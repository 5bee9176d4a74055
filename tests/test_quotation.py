"""A document's words beside a claim: sentences stay sentences, tables are tables."""

from __future__ import annotations

import pytest
from made_up_parts import claim
from made_up_results import typed

from nnbench.records.results import ClaimResult
from nnbench.report.page import place_text
from nnbench.report.quotation import Quotation, in_a_line, quotation


def quoting(quote: str, **place: object) -> ClaimResult:
    return typed(ClaimResult, claim("loss/rate", "Rates", quote=quote) | {"place": place})


def test_sentences_are_lines() -> None:
    said = quotation(quoting("More data helps · so it says.\n\nAlways."))
    assert said == Quotation(lines=["More data helps · so it says.", "Always."])


def test_a_bar_in_a_sentence_makes_no_table() -> None:
    assert quotation(quoting("It models P(class | image).")).lines == [
        "It models P(class | image)."
    ]


def test_a_table_keeps_its_columns_names_and_rows() -> None:
    said = quotation(quoting("0.1 | 0.14 · 0.01 | 0.19", columns="Learning Rate | Loss (nats)"))
    assert said.columns == ("Learning Rate", "Loss (nats)")
    assert said.rows == [("0.1", "0.14"), ("0.01", "0.19")]
    assert not said.lines


@pytest.mark.parametrize(
    ("quote", "columns", "rows"),
    [
        ("Limited Training | biased data · Overfitting", "", [("Limited Training", "biased data"), ("Overfitting", "")]),
        ("a | 1 · … · b | 2 | 3", "Level", [("a", "1", ""), ("…", "", ""), ("b", "2", "3")]),
    ],
)  # fmt: skip
def test_rows_of_unequal_length_are_filled(quote: str, columns: str, rows: list[object]) -> None:
    assert quotation(quoting(quote, columns=columns)).rows == rows


def test_a_heading_without_a_table_is_a_line_of_its_own() -> None:
    """As configs have it that were written before quotes had cells."""
    assert quotation(quoting("0.1 0.14", columns="Learning Rate Loss")).lines == [
        "Learning Rate Loss",
        "0.1 0.14",
    ]


def test_a_card_and_a_terminal_have_a_table_in_a_line() -> None:
    assert in_a_line(quoting("Sigmoid | 0.35 · ReLU | 0.20")) == "Sigmoid 0.35 · ReLU 0.20"


def test_a_quotation_says_where_it_stands() -> None:
    assert place_text(quoting("a")) == "Neural Net Loss"
    told = quoting("a", section="Learning rates", line=126)
    assert place_text(told) == "Neural Net Loss, “Learning rates”, line 126 of the text as saved"
