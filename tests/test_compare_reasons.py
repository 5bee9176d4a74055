"""What may have moved a level is named: settings, seeds, code, and what else differs between two reports."""

from __future__ import annotations

from made_up_reports import (
    Change,
    Json,
    changed,
    compared,
    every_level,
    found,
    levels_of,
    machine,
    moved,
    report,
    times,
)

from nnbench.audit.text import compare_text


def test_the_same_cells_moved_by_what_is_around_them() -> None:
    def change(content: Json) -> None:
        content["provenance"]["versions"][0]["torch"] = "99.0"
        content["provenance"]["git_commit"] = "f" * 40

    a, b = report(), changed(change, times("loss/rate", 1.2))
    torch = a["provenance"]["versions"][0]["torch"]
    reasons = moved(found(a, b))["loss/rate mnist5k high"]["reasons"]
    assert reasons == [f"torch {torch} -> 99.0"]  # the cells are the same: the commit is no reason
    assert f"torch {torch} -> 99.0" in compare_text(compared(a, b), names=("a", "b"))
    assert "commit 01234567 with changes -> ffffffff with changes" in compare_text(
        compared(a, b), names=("a", "b")
    )


def test_other_data_are_a_reason_for_their_own_claims_alone() -> None:
    def change(content: Json) -> None:
        content["provenance"]["datasets"][0]["sha256"]["test"] = "ee" * 32

    content = found(report(), changed(change, times("loss/rate", 1.2), times("loss/size", 1.2)))
    found_in = {key: entry["reasons"][0] for key, entry in moved(content).items()}
    assert "data mnist5k" in found_in["loss/rate mnist5k high"]
    assert "nothing that the results tell" in found_in["loss/size mnist1d few"]


def test_other_settings_come_first_then_seeds_then_code() -> None:
    def settings(content: Json) -> None:
        one = levels_of(content, "loss/rate")[0]
        one["settings"] = {**one["settings"], "lr": 0.5, "of_a_newer_version": 1}

    moving = times("loss/rate", 1.2)
    other = every_level("cells", ["f" * 16])

    def reasons(*changes: Change) -> list[str]:
        return moved(found(report(), changed(moving, *changes)))["loss/rate mnist5k high"][
            "reasons"
        ]

    def seeds(content: Json) -> None:
        for one in levels_of(content, "loss/rate"):
            one["values"] = {str(s): v for s in range(20) for v in [one["values"][str(s % 10)]]}
            one["seed_status"] = dict.fromkeys(one["values"], "ok")

    assert reasons(other, settings) == ["lr 0.1 -> 0.5"]
    assert reasons(seeds) == ["10 -> 20 seeds"]
    code = "training code (other cells, with the same settings)"
    assert reasons(other, seeds) == ["10 -> 20 seeds", code]
    assert reasons(other) == ["training code (other cells, with the same settings and seeds)"]
    assert reasons(other, machine("Other CPU"))[1] == "device_name Example CPU -> Other CPU"
