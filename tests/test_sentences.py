"""The golden file of all sentences: read in full when it changes, and free of what reads badly."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from all_sentences import text

GOLDEN = Path(__file__).parent / "golden" / "sentences.md"


def test_the_sentences_are_the_golden_ones() -> None:
    """After a wanted change: UPDATE_GOLDEN=1 pytest tests/test_sentences.py, then read all of it."""
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text(), encoding="utf-8")
    assert text() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("why", "pattern"),
    [
        ("two negations", r"\b(not|no|none|never)\b[^.;:“”]*\b(not|none|never)\b"),
        ("a level's name as a negation", r"(?<!“)\bnone is\b"),
        ("a colon after a colon in one clause", r": [\w ]+: [\w ]+:"),
        ("two numbers side by side", r"\d %? \d"),
        ("a clause that is empty", r"\( ?\)|: ?\.|\(;|  "),
        ("text of the program", r"\bNone\b|\bnan\b|\binf\b|as-written"),
        ("a minus that is a hyphen", r"(?<![\w–])-\d"),
    ],
)
def test_no_sentence_has(why: str, pattern: str) -> None:
    said = [
        line.partition(": ")[2] or line for line in text().splitlines() if line.startswith("- ")
    ]
    bad = [line for line in said if re.search(pattern, line)]
    assert not bad, why
