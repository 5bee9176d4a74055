"""``seeds: auto``, run by Snakemake for real: look after look in one run, and nothing in the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project

pytestmark = pytest.mark.dag


def test_a_run_goes_on_with_what_is_not_settled_and_the_next_one_has_nothing_to_do(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path)
    project.config["seeds"] = "auto"
    levels, claimed = project.levels(), project.document["claims"]["rate"]["claimed"]
    levels["0.11"], claimed["0.11"] = (
        {"lr": 0.11},
        0.21,
    )  # next to 0.1, so that five seeds are too few
    project.save()

    foretold = project.run("--dry-run")
    assert "DAG of jobs will be updated after completion" in foretold.stdout
    assert not project.records()

    done = project.run()
    assert done.returncode == 0, done.stdout
    assert "1 of 2 comparisons are settled, with 10 seeds next: 1" in done.stdout
    assert "2 of 2 comparisons are settled" in done.stdout
    findings = {c["id"]: c["results"][0] for c in project.results()["claims"]}
    assert findings["tiny/coins"]["looks"] == [5]
    assert findings["tiny/rate"]["looks"][:2] == [5, 10]
    assert not [*tmp_path.glob("results/looks/*"), *tmp_path.glob("results/batches/*")]

    before = project.stamps()
    assert "Nothing to be done" in project.run().stdout
    assert project.stamps() == before

    # what was decided can be found again from the records, which are not measured again
    (tmp_path / "results/aggregate/looks.json").unlink()
    again = project.run()
    assert again.returncode == 0, again.stdout
    assert project.stamps() == before
    assert {c["id"]: c["results"][0]["looks"] for c in project.results()["claims"]} == {
        name: finding["looks"] for name, finding in findings.items()
    }
