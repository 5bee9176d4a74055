"""The report in ``reports/`` is one that a default run made, and says something about every claim."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nnbench.records.results import read_results
from nnbench.report.appendix import is_another

REPORTS = Path(__file__).parent.parent / "reports"


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return json.loads((REPORTS / "results.json").read_bytes())


def test_all_claims_have_a_verdict_or_a_reason(results: dict[str, Any]) -> None:
    assert results["summary"]["claims"] == 89
    assert results["summary"]["controls"] == results["summary"]["controls_held"] == 2
    for claim in results["claims"]:
        judged = claim["verdict"] is not None or claim["status"] == "measured"
        assert judged != bool(claim["reason"]), claim["id"]


def test_a_contradicted_claim_says_why_one_may_believe_it(results: dict[str, Any]) -> None:
    contradicted = [c for c in results["claims"] if c["verdict"] == "contradicted"]
    assert contradicted
    page = (REPORTS / "index.html").read_text(encoding="utf-8")
    for claim in contradicted:
        assert claim["second_look"], claim["id"]
    assert page.count("Second look") >= len(contradicted)


def test_a_claim_whose_verdict_another_specification_changed_shows_its_second_look() -> None:
    claims = [c for c in read_results(REPORTS).claims if any(is_another(x, c) for x in c.changes)]
    shown = {claim.id: claim.second_look for claim in claims}
    assert shown
    assert all(shown.values()), shown
    page = (REPORTS / "document-learn.md").read_text(encoding="utf-8")
    assert "Ten seeds could not tell, thirty do." in page


def test_nothing_failed_and_nothing_is_missing(results: dict[str, Any]) -> None:
    assert results["provenance"]["missing_cells"] == []
    assert results["provenance"]["rejected_records"] == []
    for claim in results["claims"]:
        for result in claim["results"]:
            for level in result["levels"]:
                assert level["n"] == level["planned"], (claim["id"], level["level"])


def test_controls_behave(results: dict[str, Any]) -> None:
    claims = {claim["id"]: claim for claim in results["claims"]}
    coins = claims["keras/scaling"]["results"][0]
    assert coins["verdict"] == "reproduced"
    assert all(level["low"] < 0.5 < level["high"] for level in coins["levels"])
    memorised = {
        level["level"]: level for level in claims["learn/memorise"]["results"][0]["levels"]
    }
    assert memorised["shuffled labels"]["low"] < 0.1 < memorised["shuffled labels"]["high"]


def test_the_page_is_one_file_of_at_most_eight_megabytes() -> None:
    assert (REPORTS / "index.html").stat().st_size < 8_000_000
