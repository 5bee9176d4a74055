"""What a report shows of contexts: the evidence map, forest plots, and a claim's card and badge."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from all_sentences import general_pair
from made_up_results import Page, made_up_results, typed, write

from nnbench.records.general import ContextResult, Shown
from nnbench.records.results import Results
from nnbench.report import appendix, evidence
from nnbench.report.anchors import anchors_of
from nnbench.report.belief import belief
from nnbench.report.figures import evidence as poster
from nnbench.report.figures.forest import forest_plot
from nnbench.report.pages import pages_of
from nnbench.report.write import LIST
from nnbench.text.vocabulary import TONES, shown_chip

SHOWN = ("as claimed", "small", "equal", "unclear", "reversed")
CONTEXTS = [
    {"name": f"c{i}", "dataset": data, "dataset_title": data.title(), "values": {"network": "32 units"}}
    for i, data in enumerate(("digits", "wine", "digits", "diamonds", "wine"))
]  # fmt: skip


def effects(shown: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"context": f"c{i}", "difference": 0.1, "low": 0.0, "high": 0.2, "n": 5, "shown": word}
        for i, word in enumerate(shown)
    ]


def general(word: str, shown: Sequence[str], **pair: Any) -> dict[str, Any]:
    """A claim in general, by one pair of levels."""
    own = general_pair().model_dump() | {"word": word, "effects": effects(shown), **pair}
    return {
        "word": word, "sentence": "In general.", "planned": 5, "measured": 5, "datasets": 3, "seeds": 5,
        "found": None, "pairs": [own],
    }  # fmt: skip


def results(*found: dict[str, Any] | None, **more: Any) -> Results:
    """The first made-up claims, these in general."""
    content = made_up_results()
    claims = [
        claim | {"general": own} | more
        for claim, own in zip(content["claims"], found, strict=False)
    ]
    return typed(Results, content | {"claims": claims, "contexts": CONTEXTS})


# --- the evidence map


def test_the_map_has_a_row_per_claim_and_a_mark_per_context_of_it() -> None:
    made = results(general("unknown", SHOWN), general("general", SHOWN[:1]))
    image = poster.evidence_map(made.claims, made.contexts, anchors_of(made))
    assert image is not None
    root = ET.fromstring(image.data)  # noqa: S314 - our own file
    titles = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}title")]
    assert len([text for text in titles if re.match(r"context c\d, (Digits|Wine|Dia)", text)]) == 6
    assert 'href="#loss-activation"' in image.inline
    found = evidence.map_of(made.claims, made.contexts)
    assert found is not None
    marks = [[mark for column in found.marks(row) for mark in column] for row in found.rows]
    assert sorted(map(len, marks)) == [1, len(SHOWN)]
    (said,) = [mark.said for mark in marks[0]]
    assert re.match(r"context c\d, (Digits|Wine|Dia).*: as claimed, \+", said), "and by how much"
    assert {chip.word for chip in map(shown_chip, SHOWN)} == {m.chip.word for m in marks[1]}


@pytest.mark.parametrize(
    ("found", "of_all", "of_any"),
    [
        (["as claimed", "as claimed"], "as claimed", "as claimed"),
        (["as claimed", "small"], "as claimed, small", "as claimed"),
        (["holds", "unclear"], "partly", "unclear"),
        (["as claimed", "reversed"], "partly", "as claimed"),
        (["reversed", "equal"], "reversed", "unclear"),
        (["equal", "unclear"], "unclear", "unclear"),
        (["equal", "equal"], "no practical difference", "no practical difference"),
    ],
)
def test_a_mark_sums_up_all_pairs_of_a_claim(found: list[Shown], of_all: str, of_any: str) -> None:
    assert evidence.together(found, any_pair=False).word == of_all
    if "holds" not in found:  # no tie is claimed to be possible
        assert evidence.together(found, any_pair=True).word == of_any


def test_a_mark_of_several_pairs_names_the_one_whose_size_it_says() -> None:
    both = general("unknown", SHOWN[:1])
    both["pairs"] = [
        both["pairs"][0],
        both["pairs"][0] | {"a": "tanh", "effects": effects(["unclear"])},
    ]
    made = results(both)
    found = evidence.map_of(made.claims, made.contexts)
    assert found is not None
    ((said,),) = [[m.said for m in column] for column in found.marks(found.rows[0]) if column]
    assert re.search(r": partly, ReLU against 0\.1 \+11", said)


def test_runs_that_diverged_in_contexts_are_counted_and_listed() -> None:
    lost = {"context": "c1", "level": "ReLU", "planned": 5, "diverged": 2, "capped": 0, "failed": 1}
    made = results(general("unknown", SHOWN) | {"failures": [lost]})
    told = dict(belief(made))
    assert str(told["Runs in contexts"]).startswith("2 diverged, in 1 context; 1 lost")
    (page,), anchors = pages_of(made, anchors_of(made)), anchors_of(made)
    tables = {table.caption: table for table in appendix.failure_tables(page, anchors)}
    table = tables["The same in contexts"]
    assert [list(map(str, row[1:])) for row in table.rows] == [
        ["c1, Wine", "ReLU", "2/5", "–", "1/5"]
    ]


def test_a_report_that_names_one_setting_of_a_factor_is_read() -> None:
    """As versions wrote them before rates were told apart from optimisers."""
    old = {**CONTEXTS[0], "values": {"optimiser": "sgd 0.1"}, "sets": {"optimiser": "optimizer"}}
    read = ContextResult.model_validate(old)
    assert read.told({"lr"}) == {"optimiser": "sgd 0.1"}
    assert read.told({"optimizer"}) == {}


def test_marks_on_the_same_data_stand_in_one_column_as_wide_as_half_of_the_most_of_them() -> None:
    made = results(general("depends", SHOWN))
    found = evidence.map_of(made.claims, made.contexts)
    assert found is not None
    assert dict(found.columns()).keys() == {context.dataset_title for context in made.contexts}
    sizes = [max(len(column), 1) for column in found.marks(found.rows[0])]
    assert [wide for _, wide in found.columns()] == [n if n <= 2 else -(-n // 2) for n in sizes]


def test_the_most_general_claim_of_a_document_comes_first() -> None:
    made = results(general("unknown", SHOWN), general("usual", SHOWN), general("general", SHOWN))
    found = evidence.map_of(made.claims, made.contexts)
    assert found is not None
    words = [row.claim.general.word for row in found.rows if row.claim.general]
    assert words == ["general", "usual", "unknown"]


def test_without_contexts_there_is_no_map() -> None:
    made = results(None, None)
    assert poster.evidence_map(made.claims, (), anchors_of(made)) is None


def test_what_contexts_show_differs_in_colour_and_in_glyph() -> None:
    chips = [shown_chip(word) for word in SHOWN]
    marks = [evidence.Mark(chip=chip, said="") for chip in chips]
    assert len({chip.symbol for chip in chips}) == len(SHOWN)
    assert len({(TONES[mark.chip.tone], mark.pale) for mark in marks}) == len(SHOWN)


def test_a_forest_has_a_row_per_context_the_margin_as_a_band_and_numbers_beside() -> None:
    made = results(general("depends", SHOWN))
    image = forest_plot(made.claims[0], made.contexts)
    assert image is not None
    assert image.body.count(">+11\u00a0% [0, 22]<") == len(SHOWN)
    assert "in a new context" in image.body
    assert "to be expected in a new context, [−16, 52]\u00a0%" in image.body


# --- a claim on its own


def test_a_claim_has_a_card_and_a_badge_that_the_report_owns(tmp_path: Path) -> None:
    content = results(general("depends", SHOWN)).model_dump(mode="json")
    write(content, tmp_path)
    card = (tmp_path / "claims/loss-activation.svg").read_text(encoding="utf-8")
    claim = content["claims"][0]
    root = ET.fromstring(card)  # noqa: S314 - our own file
    shown = " ".join("".join(node.itertext()) for node in root.iter())
    for part in (
        claim["title"],
        claim["document_title"],
        claim["id"],
        "In general",
        "10 runs per level",
    ):
        assert part in shown
    assert 'href="../index.html#loss-activation"' in card
    badge = (tmp_path / "claims/loss-activation.badge.svg").read_text(encoding="utf-8")
    assert f"{claim['verdict']}; in general: depends" in badge
    listed = json.loads((tmp_path / LIST).read_bytes())
    assert {"claims/loss-activation.svg", "claims/loss-activation.badge.svg"} <= set(listed)
    write(content | {"claims": []}, tmp_path)
    assert not list((tmp_path / "claims").iterdir())


def test_the_markdown_shows_the_map(tmp_path: Path) -> None:
    content = results(general("usual", SHOWN), general("depends", SHOWN)).model_dump(mode="json")
    write(content, tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "(figures/evidence.svg)" in readme
    assert (tmp_path / "figures/evidence.svg").exists()


def test_data_sets_have_codes_of_their_own_whatever_they_are_called() -> None:
    titles = ["MNIST-5k", "MNIST-1D", "Diamonds", "Diabetes", "Aa", "AA", "9", "–", "Årsdata"]
    found = evidence.codes(titles)
    assert list(found) == titles
    assert len(set(found.values())) == len(titles)
    assert [found[title] for title in titles[:4]] == ["Mn", "Mi", "Di", "Da"]
    assert max(map(len, found.values())) <= 2


def test_each_mark_says_its_data_set_which_the_key_explains(tmp_path: Path) -> None:
    made = results(general("general", SHOWN))
    write(made.model_dump(mode="json"), tmp_path)
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    told = {mark.get("data-c") for mark in page.all("i")} - {None}
    assert told == {"Di", "Wi", "Da"}
    assert all(
        f"{code} {title}" in page.text for code, title in (("Wi", "Wine"), ("Da", "Diamonds"))
    )
