"""Tables and texts of the report by themselves: pairs, facts, settings, Markdown."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from made_up_parts import level, pair, result
from made_up_results import made_up_results, typed

from nnbench.records.pair import PairResult
from nnbench.records.results import ClaimResult, Finding
from nnbench.report import markdown, write
from nnbench.report.details import defaults, fact_text, flat, settings_of
from nnbench.report.page import corrected
from nnbench.report.tables import Table, level_table, pair_table
from nnbench.text.vocabulary import TONES, pair_chip


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (True, "yes"), (224, "224"), (4_000_000, "4,000,000"), (0.12345, "0.1235"),
     ([1, 2.5], "1, 2.500"), ({"8": 3.5}, "8: 3.500"), ("2.15.0", "2.15.0")],
)  # fmt: skip
def test_facts_read_as_text(value, text):
    assert fact_text(value) == text


def test_a_metric_without_a_better_end_has_no_better_level():
    result = copy.deepcopy(made_up_results()["claims"][0]["results"][0])
    said = [str(row[0]) for row in pair_table(typed(Finding, result)).rows]
    assert said == [
        "ReLU better than tanh",
        "tanh better than sigmoid",
        "ReLU better than sigmoid (best and worst)",
    ]
    result["directed"] = False
    said = [str(row[0]) for row in pair_table(typed(Finding, result)).rows]
    assert said == [
        "ReLU smaller than tanh",
        "tanh smaller than sigmoid",
        "ReLU smaller than sigmoid (smallest and largest)",
    ]
    result["kind"] = "equal"
    assert str(pair_table(typed(Finding, result)).rows[0][0]) == "ReLU as large as tanh"


def test_a_pair_is_read_in_the_light_of_what_is_claimed():
    def chip(status, kind, **more):
        return pair_chip(typed(PairResult, pair("A", "B", 0.1, status, **more)), kind=kind)

    assert str(chip("REV", "order")) == "✗\u00a0reversed"
    assert chip("REV", "differs").tone == "reproduced"
    assert chip("equal", "equal").tone == "reproduced"
    assert chip("equal", "order").tone == "contradicted"
    assert str(chip("UP", "order", small=True)) == "△\u00a0as claimed, small"
    assert str(chip("REV", "differs", small=True)) == "△\u00a0differ, small"
    assert str(chip("REV", "order", small=True)) == "✗\u00a0reversed, small"


def test_a_claim_without_pairs_has_no_pair_table():
    finding = made_up_results()["claims"][0]["results"][0]
    assert pair_table(typed(Finding, {**finding, "pairs": []})) is None


def test_nested_settings_become_dotted_keys():
    assert flat({"a": {"b": 1, "c": None}, "d": "x"}) == {"a.b": "1", "a.c": "none", "d": "x"}


def test_a_table_refuses_rows_that_do_not_fit():
    with pytest.raises(ValueError, match="2 columns"):
        Table("t", ("a", "b"), rows=[("1",)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a | b", "a &#124; b"),
        ("<b>", "&lt;b>"),
        ("p < 0.05 & more", "p < 0.05 & more"),
        ("*x* _y_ snake_case", "\\*x\\* \\_y\\_ snake_case"),
        ("# no heading", "\\# no heading"),
        ("- no list", "\\- no list"),
        ("1. no list", "1\\. no list"),
        ("two\nlines", "two lines"),
        ("$5 and $6", "&#36;5 and &#36;6"),
        ("-", "\\-"),
        ("---", "\\---"),
        ("--- ", "\\--- "),
        ("===", "\\==="),
        ("+", "\\+"),
        ("#", "\\#"),
        ("1.", "1\\."),
        ("--x", "--x"),
        ("-5 degrees", "-5 degrees"),
    ],
)
def test_text_is_literal_in_markdown(text, expected):
    assert markdown.escape(text) == expected


def test_code_may_contain_backticks():
    assert markdown.code("a `b` c") == "``a `b` c``"


def test_a_result_lists_the_settings_that_its_claim_states_and_the_page_all_defaults_once():
    claim = next(c for c in made_up_results()["claims"] if c["id"] == "loss/activation")
    _, stated = settings_of(typed(ClaimResult, claim).results[0])
    assert not {("optimizer", "adam"), ("hidden", "[128]")} & set(stated)
    assert {("optimizer", "adam"), ("hidden", "[128]")} <= set(defaults())


@pytest.mark.parametrize("tone", TONES)
def test_every_tone_is_one_class_of_the_page_and_means_nothing_else(tone):
    css = (Path(write.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    rules = re.findall(rf"(?<!\w )\.{tone} [^{{}}]*{{[^}}]*}}", css)
    assert rules == [f".{tone} {{ --tone: var(--{tone}); }}"]


def test_a_document_says_how_many_claims_stand_after_correction_over_all_of_them():
    claims = {claim["id"]: typed(ClaimResult, claim) for claim in made_up_results()["claims"]}
    stands, falls = claims["loss/learning-rate"], claims["loss/low-loss"]
    assert corrected([stands, stands]) == (
        "2 of the 2 tested claims are reproduced, also after Holm’s correction over all 2."
    )
    assert corrected([stands, falls]).endswith(
        "1 of them also after Holm’s correction over all 2; not so: “A low loss is no proof”."
    )
    assert corrected([stands]) == corrected([claims["loss/depth"]]) == ""


def test_claimed_values_keep_the_documents_own_words_and_no_unit_of_nnbenchs() -> None:
    losses, accuracies = (
        typed(
            Finding, result("mnist5k", name, [level("a", 0.2, 0.3, spread=0.0)], verdict="partly")
        )
        for name in ("test_loss", "test_accuracy")
    )
    assert "Claimed" in level_table(losses).columns
    assert "Measured, nats" in level_table(losses).columns
    assert "Claimed, %" in level_table(accuracies).columns


def test_what_is_surely_wider_than_a_phone_becomes_cards_whose_cells_know_their_columns():
    narrow = Table("c", ("Level", "Measured"), rows=[["a" * 90, "b" * 90]])
    assert not narrow.is_wide, "two columns are entries, which wrap"
    assert not Table("c", ("Level", "16", "64"), rows=[["a", "0.2", "0.3"]]).is_wide
    wide = Table("c", ("Level", 'The "best" <b>', "It's"), rows=[["a" * 40, "b" * 40, "c"]])
    assert wide.is_wide
    macros = write._html().environment.get_template("macros.html.j2")
    shown = str(macros.make_module({"path_to": None}).table(wide))
    labels = """'--l2:"The \\"best\\" &lt;b>";--l3:"It&#39;s"'"""
    assert f"style={labels}>" in shown
