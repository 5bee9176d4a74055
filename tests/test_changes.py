"""A claim is not changed in silence once a result of it has been seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nnbench.claims.changes import Changes, read_changes, specification
from nnbench.claims.config import read_config, read_documents
from nnbench.errors import NnbenchError
from nnbench.schema import parse

ROOT = Path(__file__).parent.parent
FILE = ROOT / "config/claims/CHANGES.yaml"


def test_a_changed_specification_has_an_entry() -> None:
    documents = read_documents(read_config(str(ROOT / "config/config.yaml")), root=ROOT)
    found = {f"{d.document}/{n}": specification(c) for d in documents for n, c in d.claims.items()}
    kept = read_changes(FILE)
    new = {name: own for name, own in found.items() if kept.specification(name) is None}
    if new and os.environ.get("UPDATE_SPECIFICATIONS"):
        with FILE.open("a", encoding="utf-8") as file:
            file.writelines(f'  {name}: "{own}"\n' for name, own in new.items())
        kept = read_changes(FILE)
    wrong = {name: own for name, own in found.items() if kept.specification(name) != own}
    assert not wrong  # what decides changed: add an entry with this hash to `changes`


def test_changes_of_a_claim_are_numbered_and_the_last_one_says_what_it_made() -> None:
    change = {
        "claim": "a/b", "version": 2, "date": "2026-01-01", "what": "x", "why": "y", "before": "z",
    }  # fmt: skip
    with pytest.raises(NnbenchError, match="lacks the specification"):
        parse(Changes, {"changes": [change]}, where="f")
    made = {**change, "specification": "0" * 16}
    with pytest.raises(NnbenchError, match="makes version 2, not 3"):
        parse(Changes, {"changes": [{**made, "version": 3}]}, where="f")
    assert parse(Changes, {"changes": [made]}, where="f").version("a/b") == 2
