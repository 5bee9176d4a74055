"""Cells of any experiment and any model: what is recorded, what is refused, what fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from one_cell import SEEDS, cell_of, folder, measured, plain, record_of
from torch import nn

from nnbench.cells.cell import Cell
from nnbench.errors import NnbenchError
from nnbench.experiments.base import Experiment
from nnbench.experiments.measured import Measured, Run
from nnbench.experiments.run import Request
from nnbench.models.base import ModelSpec
from nnbench.schema import Strict

__all__ = ["folder"]  # a fixture

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("on_one_thread")


def measure_names(request: Request) -> Measured:
    """A user's own experiment."""
    assert request.options.word == "hello"
    assert (request.dataset, request.cores, request.device) == ("digits", 3, CPU)
    run = Run(status="ok", metrics={"seconds@a": 1.0})
    return Measured(
        runs={str(seed): run for seed in request.seeds},
        missing={"b": "not there"},
        notes=("slow",),
        facts={"a": {"extra": 5}},
    )


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


def of_experiment(name: str, **options: Any) -> Cell:
    return cell_of(experiment=f"test_experiment_cells:{name}", experiment_options=options)


def test_any_experiment_that_is_named_is_run_and_recorded(folder: Path) -> None:
    record = record_of(of_experiment("OWN", word="hello"), folder=folder, cores=3)
    assert list(record.runs) == [str(seed) for seed in SEEDS]
    assert (record.missing, record.notes, record.facts) == (
        {"b": "not there"},
        ("slow",),
        {"a": {"extra": 5}},
    )
    assert record.failure is None
    json.dumps(plain(record), allow_nan=False)


def test_options_that_an_experiment_does_not_know_are_refused(folder: Path) -> None:
    for cell in (
        of_experiment("OWN", wrod="hello"),
        cell_of(experiment_options={"word": "hello"}),
    ):
        with pytest.raises(NnbenchError, match="unknown key"):
            record_of(cell, folder=folder)


def test_what_is_no_experiment_is_refused() -> None:
    with pytest.raises(NnbenchError, match="is no experiment"):
        of_experiment("Options")


def test_too_little_memory_is_a_failure_on_record(folder: Path) -> None:
    record = record_of(of_experiment("GREEDY", word="hello"), folder=folder)
    assert record.runs == {}
    assert record.failure.startswith("out of memory")
    json.dumps(plain(record), allow_nan=False)


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
        measured(cell_of(model="test_experiment_cells:flat"), folder=folder)
    assert "shapes cannot be multiplied" in str(error.value.got)
    with pytest.raises(NnbenchError, match="output of the wrong shape") as error:
        measured(cell_of(model="test_experiment_cells:pairs"), folder=folder)
    assert error.value.got.startswith("(2, 11)")
