"""What a report shows of contexts: the evidence map, forest plots, and a claim's card and badge."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from all_sentences import general_pair
from made_up_results import made_up_results, typed, write

from nnbench.records.results import Results
from nnbench.report.anchors import anchors_of
from nnbench.report.figures import evidence
from nnbench.report.figures.forest import forest_plot
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


def test_the_map_has_a_row_per_claim_and_a_cell_per_context_of_it() -> None:
    made = results(general("unknown", SHOWN), general("general", SHOWN[:1]))
    for draw in (evidence.evidence_map, evidence.narrow_map):
        image = draw(made.claims, made.contexts, anchors_of(made))
        assert image is not None
        root = ET.fromstring(image.data)  # noqa: S314 - our own file
        titles = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}title")]
        cells = [text for text in titles if re.match(r"(Digits|Wine|Diamonds) · c\d: ", text)]
        assert len(cells) == len(SHOWN) + 1
        for word in SHOWN:
            assert any(text.endswith(shown_chip(word).word) for text in cells)


def test_rows_lead_to_their_claims_and_tell_a_filter_what_they_are() -> None:
    made = results(general("depends", SHOWN))
    image = evidence.evidence_map(made.claims, made.contexts, anchors_of(made))
    assert image is not None
    assert 'href="#loss-activation"' in image.inline
    assert 'data-claim="loss/activation" data-document="loss"' in image.inline
    assert 'data-general="depends"' in image.inline


def test_the_most_general_claim_of_a_document_comes_first() -> None:
    made = results(general("unknown", SHOWN), general("usual", SHOWN), general("general", SHOWN))
    found = [row.claim.general.word for row in evidence.rows_of(made.claims) if row.claim.general]
    assert found == ["general", "usual", "unknown"]


def test_without_contexts_there_is_no_map() -> None:
    made = results(None, None)
    assert evidence.evidence_map(made.claims, (), anchors_of(made)) is None


def test_what_contexts_show_differs_in_colour_and_in_glyph() -> None:
    chips = [shown_chip(word) for word in SHOWN]
    assert len({chip.symbol for chip in chips}) == len({TONES[c.tone] for c in chips}) == len(SHOWN)


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
