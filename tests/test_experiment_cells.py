"""Cells of any experiment and any model: what is recorded, what is refused, what fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from test_cell import SEEDS, document, run
from tiny_training import one_thread
from torch import nn

from nnbench.datasets import digits
from nnbench.datasets.prepared import store
from nnbench.errors import NnbenchError
from nnbench.experiments.base import Experiment
from nnbench.experiments.request import Measured, Request
from nnbench.experiments.run import run_cell
from nnbench.models.base import ModelSpec
from nnbench.schema import Strict

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits")
    store.prepare(digits.DATASET, path, data_folder=None, download=False)
    return path


def measure_names(request: Request) -> Measured:
    """A user's own experiment."""
    assert request.options.word == "hello"
    assert (request.dataset, request.cores, request.device) == ("digits", 3, CPU)
    runs = {str(seed): {"status": "ok", "metrics": {"seconds@a": 1.0}} for seed in request.seeds}
    return Measured(runs=runs, missing={"b": "not there"}, notes=("slow",), more={"extra": 5})


def measure_too_much(request: Request) -> Measured:
    """It asks for more memory than there is."""
    torch.empty(2**55, dtype=torch.uint8)
    raise AssertionError


class Options(Strict):
    word: str


def own(function: str) -> Experiment:
    return Experiment(
        name="own",
        title="own",
        measure=f"test_experiment_cells:{function}",
        options=Options,
        metrics=("seconds",),
    )


OWN, GREEDY = own("measure_names"), own("measure_too_much")


def of_experiment(name: str, **options: Any) -> dict[str, Any]:
    return document(experiment=f"test_experiment_cells:{name}", experiment_options=options)


def test_any_experiment_that_is_named_is_run_and_recorded(folder: Path) -> None:
    cell = of_experiment("OWN", word="hello")
    record = run_cell(cell, folder=folder, device="cpu", cores=3)
    assert list(record["runs"]) == [str(seed) for seed in SEEDS]
    assert (record["missing"], record["notes"], record["extra"]) == (
        {"b": "not there"},
        ["slow"],
        5,
    )
    assert record["failure"] is None
    json.dumps(record, allow_nan=False)


def test_options_that_an_experiment_does_not_know_are_refused(folder: Path) -> None:
    nothing = document()
    nothing["settings"]["experiment"] = "test_experiment_cells:Options"
    for cell, text in [
        (of_experiment("OWN", wrod="hello"), "unknown key"),
        (document(experiment_options={"word": "hello"}), "unknown key"),
        (nothing, r"is not a nnbench\.experiments\.base\.Experiment"),
    ]:
        with pytest.raises(NnbenchError, match=text):
            run_cell(cell, folder=folder, device="cpu")


def test_too_little_memory_is_a_failure_on_record(folder: Path) -> None:
    record = run_cell(
        of_experiment("GREEDY", word="hello"), folder=folder, device="cpu", cores=None
    )
    assert record["runs"] == {}
    assert record["failure"].startswith("out of memory")
    json.dumps(record, allow_nan=False)


# own models


def flat(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """Made for 100 values in one row."""
    return nn.Linear(100, spec.classes)


def pairs(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """One output too many."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, spec.classes + 1))


def test_a_model_that_is_made_for_other_data_is_refused_by_its_own_words(folder: Path) -> None:
    with pytest.raises(
        NnbenchError, match=r"does not accept samples of shape \(1, 8, 8\)"
    ) as error:
        run(folder, model="test_experiment_cells:flat")
    assert "shapes cannot be multiplied" in str(error.value.got)
    with pytest.raises(NnbenchError, match="output of the wrong shape") as error:
        run(folder, model="test_experiment_cells:pairs")
    assert error.value.got.startswith("(2, 11)")
