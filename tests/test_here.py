"""What a plan says of the machine that makes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_plan import claim, planned

from nnbench.jobs.here import machine_notes


@pytest.mark.parametrize(("needs", "named"), [({"cores": 100_000}, True), ({"cores": 1}, False)])
def test_a_plan_says_which_claims_this_machine_cannot_decide(
    needs: dict[str, int], named: bool, tmp_path: Path
) -> None:
    notes = [*machine_notes(planned(tmp_path, claim(testable=needs)))]
    found = [note for note in notes if note.startswith("paper/c0: measured here and not decided")]
    assert bool(found) == named
    assert not named or "100000 cores (" in found[0]
