"""What the overview of all claims shows, and what it leaves out."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from made_up_plan import claim as made_up_claim
from made_up_plan import planned
from made_up_results import made_up_results, typed

from nnbench.jobs.here import machine_notes
from nnbench.records.results import ClaimResult, Results
from nnbench.report.anchors import anchors_of
from nnbench.report.figures import overview as gaps

CLAIMS = {claim["id"]: claim for claim in made_up_results()["claims"]}


def test_a_difference_that_is_claimed_in_no_direction_has_no_share_to_show():
    claim = copy.deepcopy(CLAIMS["keras/gap"])
    result = claim["results"][0]
    for level, claimed in zip(result["levels"], (0.1, 0.2), strict=True):
        level["claimed"] = claimed
    assert len(gaps.shares([typed(ClaimResult, claim)])) == 1
    result["kind"] = "differs"
    assert gaps.shares([typed(ClaimResult, claim)]) == []
    anchors = anchors_of(typed(Results, made_up_results()))
    assert gaps.overview([typed(ClaimResult, claim)], anchors, alt="") is None


@pytest.mark.parametrize(("needs", "named"), [({"cores": 100_000}, True), ({"cores": 1}, False)])
def test_a_plan_says_which_claims_this_machine_cannot_decide(
    needs: dict[str, int], named: bool, tmp_path: Path
) -> None:
    notes = [*machine_notes(planned(tmp_path, made_up_claim(testable=needs)))]
    found = [note for note in notes if note.startswith("paper/c0: measured here and not decided")]
    assert bool(found) == named
    assert not named or "100000 cores (" in found[0]
