"""What the overview of all claims shows, and what it leaves out."""

from __future__ import annotations

import copy

from drawn import overview
from made_up_results import made_up_results, typed

from nnbench.records.results import ClaimResult
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
    assert overview([claim], alt="") is None
