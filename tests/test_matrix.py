"""The matrix of verdicts: fixed columns, the deciding verdict ringed, and no row that contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest
from made_up_general import results_in_contexts
from made_up_results import typed

from nnbench.records.results import ClaimResult, Results
from nnbench.report import matrix
from nnbench.report.anchors import Anchors, anchors_of


@pytest.fixture(scope="module")
def results() -> Results:
    return typed(Results, results_in_contexts())


@pytest.fixture(scope="module")
def anchors(results: Results) -> Anchors:
    return anchors_of(results)


def claim_of(results: Results, claim_id: str) -> ClaimResult:
    return next(claim for claim in results.claims if claim.id == claim_id)


def shown(row: matrix.Row) -> list[list[tuple[str, str]]]:
    return [[(mark.chip.word, mark.where) for mark in marks] for marks in row.cells]


def test_columns_are_track_other_data_and_other_readings(
    results: Results, anchors: Anchors
) -> None:
    assert shown(matrix.row(claim_of(results, "loss/activation"), anchors)) == [
        [("contradicted", "MNIST-5k")],
        [("partly", "MNIST-5k")],
        [("reproduced", "MNIST-1D")],
        [],
    ]
    readings = shown(matrix.row(claim_of(results, "loss/depth"), anchors))[3]
    assert [where for _, where in readings] == ["read as weight-layers"]


def test_every_judged_claim_has_one_ringed_verdict_which_is_its_own(
    results: Results, anchors: Anchors
) -> None:
    for claim in results.claims:
        row = matrix.row(claim, anchors)
        ringed = [mark.chip.word for marks in row.cells for mark in marks if mark.decides]
        assert ringed == ([row.here.word] if claim.results else []), claim.id


def test_a_row_whose_verdicts_differ_says_which_decides_and_why(
    results: Results, anchors: Anchors
) -> None:
    for claim in results.claims:
        row = matrix.row(claim, anchors)
        differ = len({mark.chip.word for marks in row.cells for mark in marks}) > 1
        assert bool(row.note) == differ, claim.id
    note = matrix.note(claim_of(results, "loss/activation"))
    assert note == "MNIST-5k, as written decides: a short clause for contradicted."


def test_how_large_is_said_over_the_contexts_or_marked_as_found_here(results: Results) -> None:
    assert matrix.size(claim_of(results, "loss/learning-rate")) == "+49.2 %"
    assert matrix.size(claim_of(results, "loss/activation")).endswith(" here")
    quoted = next(claim for claim in results.claims if claim.status == "qualitative")
    assert matrix.size(quoted) == ""


def test_filters_offer_what_some_claim_has_and_every_claim_answers_to_them(
    results: Results, anchors: Anchors
) -> None:
    offered: dict[str, Any] = {
        key: dict(values) for key, _, values in matrix.choices(results.claims)
    }
    assert list(offered["general"]) == ["general", "depends", "absent or reversed"]
    for claim in results.claims:
        keys = matrix.row(claim, anchors).keys
        assert all(keys[key] in offered[key] for key in offered if keys[key])
    assert matrix.choices(results.claims[:1]) == []
