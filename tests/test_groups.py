"""Large networks are trained one replicate at a time; nothing about their results says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_training import one_thread

from nnbench.cells.cell import make_cell
from nnbench.datasets import digits
from nnbench.datasets.prepared import store
from nnbench.experiments.request import Measured
from nnbench.experiments.run import run_cell
from nnbench.experiments.training import measure as training
from nnbench.experiments.joining import together
from nnbench.models.costs import cost_of
from nnbench.models.facts import replicates_at_once
from nnbench.settings import Settings


def test_only_networks_beyond_five_million_parameters_are_trained_one_at_a_time() -> None:
    def at_once(settings: Settings, shape: tuple[int, ...]) -> int:
        return replicates_at_once(cost_of(settings, shape, 10).parameters)

    assert at_once(Settings(), (1, 28, 28)) > 100
    assert at_once(Settings(hidden=(2048,)), (1, 28, 28)) > 100
    large = Settings(model="vgg16", model_options={"resize": 64})
    assert at_once(large, (3, 32, 32)) == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits")
    store.prepare(digits.DATASET, path, data_folder=None, download=False)
    return path


def test_groups_give_what_all_replicates_at_once_give(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    settings = Settings(hidden=(8,), train_for="2 epochs", dropout=0.25)
    cell = make_cell("digits", settings, seeds=(0, 1, 2, 3, 4)).document()
    with one_thread():
        whole = run_cell(cell, folder=folder, device="cpu")
        monkeypatch.setattr(training, "replicates_at_once", lambda *_: 2)
        grouped = run_cell(cell, folder=folder, device="cpu")
    assert list(grouped["runs"]) == list(whole["runs"])
    for seed, run in whole["runs"].items():
        assert grouped["runs"][seed]["status"] == run["status"]
        assert grouped["runs"][seed]["metrics"] == pytest.approx(run["metrics"], rel=1e-3)
    assert {grouped[name] == whole[name] for name in ("parameters", "steps", "classes")} == {True}
    assert grouped["curves"].keys() == whole["curves"].keys()
    for name, rows in whole["curves"].items():
        for found, expected in zip(grouped["curves"][name], rows, strict=True):
            assert found == pytest.approx(expected, rel=1e-3)


def part(seed: str, *, epochs: int, **more: object) -> Measured:
    curves = {"epochs": [float(i + 1) for i in range(epochs)], "train_loss": [[0.5]] * epochs}
    run = {"status": "ok", "metrics": {"test_loss": 1.0}}
    return Measured(
        runs={seed: run}, seconds={"train": 1.0}, more={"curves": curves, "steps": epochs, **more}
    )


def test_a_group_that_stops_earlier_is_silent_from_then_on() -> None:
    joined = together([part("0", epochs=3), part("1", epochs=1)])
    assert joined.more["curves"]["epochs"] == [1.0, 2.0, 3.0]
    assert joined.more["curves"]["train_loss"] == [[0.5, 0.5], [0.5, None], [0.5, None]]
    assert joined.more["steps"] == 3
    assert list(joined.runs) == ["0", "1"]


def test_facts_of_pretraining_are_joined() -> None:
    facts = [{"train_size": 9, "diverged": 1, "validation_loss": [x]} for x in (0.1, 0.2)]
    joined = together([part(str(i), epochs=1, pretrain=fact) for i, fact in enumerate(facts)])
    assert joined.more["pretrain"] == {
        "train_size": 9,
        "diverged": 2,
        "validation_loss": [0.1, 0.2],
    }


def test_an_untrained_predictor_scores_the_mean_over_all_replicates() -> None:
    one = part("0", epochs=1, untrained={"test_loss": 1.0})
    other = part("1", epochs=1, untrained={"test_loss": 4.0})
    two = Measured(runs={**other.runs, "2": {}}, seconds=other.seconds, more=other.more)
    assert together([one, two]).more["untrained"] == {"test_loss": 3.0}
