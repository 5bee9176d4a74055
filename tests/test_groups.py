"""Large networks are trained one replicate at a time; nothing about their results says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from one_cell import cell_of, folder, measured
from tiny_training import one_thread

from nnbench.engine.data import training_data
from nnbench.experiments.joining import together
from nnbench.experiments.measured import Curves, Measured, Run
from nnbench.experiments.training import measure as training
from nnbench.models.costs import cost_of
from nnbench.models.facts import replicates_at_once
from nnbench.settings import Settings

__all__ = ["folder"]  # a fixture


def test_only_networks_beyond_five_million_parameters_are_trained_one_at_a_time() -> None:
    def at_once(settings: Settings, shape: tuple[int, ...]) -> int:
        return replicates_at_once(cost_of(settings, shape, 10).parameters)

    assert at_once(Settings(), (1, 28, 28)) > 100
    assert at_once(Settings(hidden=(2048,)), (1, 28, 28)) > 100
    large = Settings(model="vgg16", model_options={"resize": 64})
    assert at_once(large, (3, 32, 32)) == 1


def test_groups_give_what_all_replicates_at_once_give(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    cell = cell_of(hidden=[8], dropout=0.25)
    with one_thread():
        whole = measured(cell, folder=folder)
        monkeypatch.setattr(training, "replicates_at_once", lambda *_: 2)
        grouped = measured(cell, folder=folder)
    assert list(grouped.runs) == list(whole.runs)
    for seed, run in whole.runs.items():
        assert grouped.runs[seed].status == run.status
        assert grouped.runs[seed].metrics == pytest.approx(run.metrics, rel=1e-3)
    for name in ("parameters", "steps", "classes"):
        assert getattr(grouped, name) == getattr(whole, name)
    assert grouped.samples.losses.keys() == grouped.samples.hits.keys() == whole.runs.keys()
    assert grouped.curves.epochs == whole.curves.epochs
    for name in ("train_loss", "validation_loss", "validation_accuracy"):
        rows = zip(getattr(grouped.curves, name), getattr(whole.curves, name), strict=True)
        for found, expected in rows:
            assert found == pytest.approx(expected, rel=1e-3)


def test_a_search_without_memory_leaves_the_judged_groups_as_they_are(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """As where the search is taken over from an earlier block."""
    search = {"candidates": [{"lr": 0.001}, {"lr": 0.01}], "seeds": [1_000_000, 1_000_001]}
    cell, fit, stages = cell_of(hidden=[8], search=search), training.fit, []

    def limited(*given: Any, stage: str) -> Any:
        stages.append(stage)
        if stage.startswith("candidate") and len(given[2]) > 1:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")
        return fit(*given, stage=stage)

    monkeypatch.setattr(training, "fit", limited)
    with one_thread():
        searched = measured(cell, folder=folder)
        taken_over = measured(cell, folder=folder, chosen=searched.search)
    assert [stage for stage in stages if "runs" in stage] == ["runs, seeds 0 to 4 (5)"] * 2
    assert searched.runs == taken_over.runs
    assert (searched.out_of_memory, taken_over.out_of_memory) == ((2,), ())
    assert searched.notes == (
        "2 replicates at once did not fit the memory: 1 were trained at a time",
    )


@pytest.mark.parametrize(
    ("candidates", "draws"),
    [([{"lr": 0.001}, {"lr": 0.01}], 2), ([{"train_size": 900}, {"train_size": 400}], 3)],
)
def test_the_candidates_of_a_search_share_the_samples_that_are_the_same_for_them(
    candidates: list[Any], draws: int, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    seeds: list[tuple[int, ...]] = []

    def counted(*given: Any, **named: Any) -> Any:
        seeds.append(named["seeds"])
        return training_data(*given, **named)

    monkeypatch.setattr("nnbench.experiments.training.fit.training_data", counted)
    search = {"candidates": candidates, "seeds": [1_000_000]}
    with one_thread():
        found = measured(cell_of(hidden=[8], train_for="1 epoch", search=search), folder=folder)
    assert len(seeds) == draws
    assert found.search is not None
    assert len(set(found.search.scores)) == 2


def group(seed: str, *, epochs: int, **more: Any) -> Measured:
    curves = Curves(
        epochs=tuple(float(i + 1) for i in range(epochs)), train_loss=((0.5,),) * epochs
    )
    run = Run(status="ok", metrics={"test_loss": 1.0})
    return Measured(runs={seed: run}, seconds={"train": 1.0}, curves=curves, steps=epochs, **more)


def test_a_group_that_stops_earlier_is_silent_from_then_on() -> None:
    joined = together([group("0", epochs=3), group("1", epochs=1)])
    assert joined.curves.epochs == (1.0, 2.0, 3.0)
    assert joined.curves.train_loss == ((0.5, 0.5), (0.5, None), (0.5, None))
    assert joined.steps == 3
    assert list(joined.runs) == ["0", "1"]


def test_facts_of_pretraining_are_joined() -> None:
    facts = [{"train_size": 9, "diverged": 1, "validation_loss": [x]} for x in (0.1, 0.2)]
    joined = together([group(str(i), epochs=1, pretrain=fact) for i, fact in enumerate(facts)])
    assert joined.pretrain == {"train_size": 9, "diverged": 2, "validation_loss": [0.1, 0.2]}


def test_an_untrained_predictor_scores_the_mean_over_all_replicates() -> None:
    one = group("0", epochs=1, untrained={"test_loss": 1.0})
    other = group("1", epochs=1, untrained={"test_loss": 4.0})
    two = other.model_copy(update={"runs": {**other.runs, "2": other.runs["1"]}})
    assert together([one, two]).untrained == {"test_loss": 3.0}
