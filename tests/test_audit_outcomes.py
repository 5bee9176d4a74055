"""The rules by which an audit judges a cell, on records for which no training has to be repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from made_up_audit import block_record
from made_up_plan import claim, planned

from nnbench.audit.audit import AuditedCell, Rerun, judged, sample
from nnbench.audit.known import Difference, from_records
from nnbench.audit.subjects import Subject
from nnbench.cells.cell import Cell
from nnbench.experiments.measured import Chosen, Curves, Run
from nnbench.records.record import Record

SMALL = claim(settings={"train_for": "1 epochs", "hidden": [8]})
LOSSES = {"test_loss": [0.1, 0.2, 0.3, 0.4, 0.5]}


def outcome_of(then: Record | list[Record], now: Record | list[Record]) -> AuditedCell:
    before, after = (side if isinstance(side, list) else [side] for side in (then, now))
    blocks = tuple(record.seeds for record in before)
    subject = Subject(
        source="s", name="n", cell=before[0].cell, blocks=blocks, then=from_records(before)
    )
    [found] = judged([subject], [Rerun(records=tuple(after), output="", seconds=1.0)])
    return found


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Cell:
    return next(iter(planned(tmp_path_factory.mktemp("plan"), SMALL, seeds=5).cells.values()))


def test_curves_and_searches_have_to_be_repeated_to_the_bit_too(cell: Cell) -> None:
    record = block_record(cell, LOSSES)
    assert outcome_of(record, record).outcome == "identical"
    chosen = Chosen(candidates=({"lr": 1},), seeds=(7,), scores=(0.5,), chosen=0)
    others: dict[str, Any] = {
        "curves": Curves(epochs=(2.0,)),
        "search": chosen,
        "missing": {"x": "other"},
    }
    for name, other in others.items():
        found = outcome_of(record, record.model_copy(update={name: other}))
        assert found.outcome == "within noise"
        assert f"{name} differ" in found.reasons[0]


def test_the_blocks_of_a_cell_are_judged_together(cell: Cell) -> None:
    """Ten seeds are one sample, as they were when one record held them."""
    first = block_record(cell, LOSSES)
    second = block_record(cell, LOSSES, seeds=range(5, 10))
    assert outcome_of([first, second], [first, second]).outcome == "identical"
    twice = {"test_loss": [2 * value for value in LOSSES["test_loss"]]}
    now = [block_record(cell, twice), block_record(cell, twice, seeds=range(5, 10))]
    assert outcome_of(first, now[0]).outcome == "within noise"  # five seeds do not show it
    assert outcome_of([first, second], now).outcome == "drifted"
    other = second.model_copy(update={"versions": {"torch": "1.0"}})
    mixed = outcome_of([first, other], [first, second])
    assert Difference(what="torch", a="1.0, 2", b="2") in mixed.differs


def test_a_cell_of_a_single_seed_is_identical_or_not_comparable(cell: Cell) -> None:
    record = block_record(cell, {"test_loss": [0.1]}, seeds=[0])
    assert outcome_of(record, record).outcome == "identical"
    other = block_record(cell, {"test_loss": [0.9]}, seeds=[0])
    assert outcome_of(record, other).outcome == "not comparable"


def test_runs_that_diverge_now_are_a_drift_by_their_number(cell: Cell) -> None:
    def record(diverged: list[int], factor: float = 1.0) -> Record:
        values = {"test_loss": [factor * value for value in LOSSES["test_loss"]]}
        return block_record(cell, values, diverged=diverged)

    everywhere = [0, 1, 2, 3, 4]
    assert outcome_of(record([]), record(everywhere)).outcome == "drifted"
    assert outcome_of(record([]), record([0])).outcome == "within noise"
    # the loss of a diverged run means nothing
    assert outcome_of(record(everywhere), record(everywhere, 1e9)).outcome != "drifted"


def test_runs_and_metrics_that_are_gone_now_are_a_drift(cell: Cell) -> None:
    then = block_record(cell, {**LOSSES, "test_accuracy": [0.5] * 5})

    def now(change: Callable[[dict[str, Any]], Any], **more: Any) -> AuditedCell:
        runs = {}
        for seed, run in then.runs.items():
            metrics = dict(run.metrics)
            change(metrics)
            runs[seed] = Run(status=run.status, metrics=metrics)
        return outcome_of(then, then.model_copy(update={"runs": runs, **more}))

    assert now(lambda metrics: None).outcome == "identical"
    gone = now(lambda metrics: metrics.pop("test_accuracy"), missing={"jax": "not installed"})
    assert gone.outcome == "drifted"
    assert gone.reasons[:2] == ("test_accuracy not measured any more", "jax: not installed")
    assert now(lambda metrics: metrics.clear()).outcome == "drifted"
    without = now(lambda metrics: metrics.update(test_loss=None))
    assert (without.outcome, without.reasons[0]) == ("drifted", "test_loss moved")
    assert outcome_of(then, then.model_copy(update={"runs": {}})).outcome == "drifted"
    few = {"0": then.runs["0"]}
    assert outcome_of(then, then.model_copy(update={"runs": few})).outcome == "within noise"
    # a metric that is measured only now has no counterpart
    assert now(lambda metrics: metrics.update(test_error=0.1)).outcome != "drifted"


def test_a_cell_that_finds_no_memory_has_failed_and_one_that_found_none_is_not_compared(
    cell: Cell,
) -> None:
    fine = block_record(cell, LOSSES)
    full = fine.model_copy(update={"runs": {}, "failure": "out of memory: 5 GB"})
    assert outcome_of(fine, full).outcome == "failed"
    assert "out of memory" in outcome_of(fine, full).reasons[0]
    assert outcome_of(full, fine).outcome == "not comparable"


def test_what_may_be_the_reason_is_named_and_a_commit_of_the_same_code_is_not(cell: Cell) -> None:
    then = block_record(cell, LOSSES, git_commit="a" * 40)
    machine = {"device_name": "a GPU", "tf32": True, "hostname": "elsewhere"}
    now = block_record(
        cell, {"test_loss": [9.1, 9.2, 9.3, 9.4, 9.5]}, git_commit="b" * 40, git_dirty=True,
        data={"trainval/labels": "e" * 64}, machine=then.machine.model_copy(update=machine),
    )  # fmt: skip
    found = outcome_of(then, now)
    assert found.reasons == (
        "test_loss moved",
        "device_name a processor -> a GPU",
        "tf32 False -> True",
        "data trainval/labels (not told) -> eeeeeeee",
    )
    commit = Difference(what="commit", a="a" * 40, b=f"{'b' * 40} with changes")
    assert commit in found.differs


# --- the draw


def test_the_same_seed_draws_the_same_cells_and_others_draw_others(cell: Cell) -> None:
    then = from_records([block_record(cell, {})])
    subjects = [
        Subject(source=str(i), name="", cell=cell, blocks=((0, 1),), then=then) for i in range(20)
    ]

    def drawn(seed: int) -> list[str]:
        return [subject.source for subject in sample(subjects, 5, seed=seed)]

    assert drawn(3) == drawn(3)
    draws = [drawn(seed) for seed in range(400)]
    assert all(len(set(draw)) == 5 for draw in draws)
    counts = [sum(str(i) in draw for draw in draws) for i in range(20)]
    assert min(counts) > 60  # 100 are expected of each, with a deviation of 9
    assert max(counts) < 140
    assert len(sample(subjects, 99, seed=0)) == 20


def test_numbers_that_are_others_each_time_are_not_compared(cell: Cell) -> None:
    then = block_record(cell, LOSSES)
    twice = {"test_loss": [9 * value for value in LOSSES["test_loss"]]}
    assert outcome_of(then, block_record(cell, twice)).outcome == "drifted"
    found = outcome_of(then, block_record(cell, twice, not_reproducible="an own part draws"))
    assert found.outcome == "not comparable"
    assert found.reasons == ("not reproducible: an own part draws",)
    # what an old record says of itself does not save it
    says_so = then.model_copy(update={"not_reproducible": "an own part draws"})
    assert outcome_of(says_so, block_record(cell, twice)).outcome == "drifted"
