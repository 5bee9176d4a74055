"""Four processes train what one process trains."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from waiting import children

from nnbench.cells.cell import dataset_of
from nnbench.datasets.prepared import store
from nnbench.errors import NnbenchError
from nnbench.experiments.measured import Measured
from nnbench.experiments.parallel.declared import PARALLEL, ParallelOptions
from nnbench.experiments.parallel.measure import (
    loss_difference,
    measure,
    measured,
    shared_cores,
    why_alone,
)
from nnbench.experiments.parallel.processes import BlockFound, Found, WayFound
from nnbench.experiments.parallel.ways import Job, draw_block, network
from nnbench.experiments.run import Request
from nnbench.schema import parse
from nnbench.settings import Settings

CPU = torch.device("cpu")
ENTRIES = ("one", "worker", "workers", "batch", "layers", "both")
TINY: dict[str, Any] = {
    "ways": {
        "one": "single",
        "worker": "one",
        "workers": "two",
        "batch": "data",
        "layers": "tensor",
        "both": "mesh",
    },
    "hidden": [16, 8, 8, 8],  # two pairs of cut layers, and a last one that is whole
    "batch_size": 32,
    "steps": 6,
    "parts": 3,
    "warm_up": 1,
    "lr": 0.1,
}
SETTINGS = {"optimizer": "sgd", "momentum": 0.9, "activation": "tanh"}


def options_of(**values: object) -> ParallelOptions:
    return parse(ParallelOptions, {**TINY, **values}, where="experiment_options")


def request_of(folder: Path) -> Request:
    return Request(
        options=options_of(),
        settings=parse(Settings, SETTINGS, where="settings"),
        dataset="digits",
        folder=folder,
        seeds=[3],
        search=None,
        device=CPU,
        cores=2,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "digits"
    store.prepare(dataset_of("digits"), path, data_folder=None, download=False)
    return path


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """One group of four processes that trains in all ways."""
    scratch = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(scratch))
        patch.setenv("TMPDIR", str(scratch))
        found = measure(request_of(folder))
    assert not list(scratch.iterdir()), "temporary files are left"
    assert not children(), "processes are left"
    return found


def test_all_ways_are_timed_in_one_block(trained: Measured) -> None:
    assert not trained.missing
    assert list(trained.runs) == ["3"]
    assert trained.runs["3"].status == "ok"
    assert set(trained.runs["3"].metrics) == {f"seconds@{entry}" for entry in ENTRIES}
    assert all(seconds > 0 for seconds in trained.runs["3"].metrics.values())


def test_the_seconds_are_those_of_all_steps_by_the_median_part(trained: Measured) -> None:
    for entry in ENTRIES:
        parts = trained.facts[entry]["part_seconds"]["3"]
        assert len(parts) == 3
        expected = 3 * sorted(parts)[1]
        assert trained.runs["3"].metrics[f"seconds@{entry}"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("entry", ENTRIES[1:])
def test_every_way_has_the_losses_of_a_single_process(trained: Measured, entry: str) -> None:
    facts = trained.facts[entry]
    assert facts["loss_difference"] < 1e-13  # in 64 bits
    assert facts["checked_losses"]["3"] == pytest.approx(
        trained.facts["one"]["checked_losses"]["3"], rel=1e-13
    )
    assert facts["losses"]["3"] == pytest.approx(trained.facts["one"]["losses"]["3"], rel=1e-5)


@pytest.mark.parametrize("entry", ENTRIES[1:])
def test_every_way_ends_at_the_weights_of_a_single_process(trained: Measured, entry: str) -> None:
    """Relative to how far training moved them: untrained weights would be 1 away."""
    assert trained.facts[entry]["weights_difference"] < 1e-12
    assert trained.facts["one"]["weights_difference"] == 0.0


def test_the_single_process_does_what_plain_pytorch_does(trained: Measured, folder: Path) -> None:
    job = Job(request=request_of(folder), count=4)
    block = draw_block(job, 3, CPU)
    model = network(job, 3).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for row in block.rows:
        inputs, labels = block.bank.gather(row.unsqueeze(0))
        loss = functional.cross_entropy(model(inputs[0].double()), labels[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    facts = trained.facts["one"]
    assert isinstance(model, nn.Sequential)
    assert len(losses) == 7  # the warm-up is training too
    assert losses[-1] < losses[0]
    assert facts["checked_losses"]["3"] == pytest.approx(losses[:3], rel=1e-12)
    assert facts["losses"]["3"] == pytest.approx(losses, rel=1e-5)


def test_facts_say_how_the_work_was_divided(trained: Measured) -> None:
    shares = {p: (f["data_shares"], f["tensor_shares"]) for p, f in trained.facts.items()}
    assert shares == {
        "one": (1, 1), "worker": (1, 1), "workers": (2, 1),
        "batch": (4, 1), "layers": (1, 4), "both": (2, 2),
    }  # fmt: skip
    threads = {p: f["threads_per_process"] for p, f in trained.facts.items()}
    assert threads == {**dict.fromkeys(ENTRIES, 1), "one": 2}
    backends = {p: f["backend"] for p, f in trained.facts.items()}
    assert backends == {**dict.fromkeys(ENTRIES, "gloo"), "one": None, "worker": None}
    json.dumps(trained.model_dump(), allow_nan=False)
    # digits are 8 x 8: 64-16-8-8-8-10 with biases
    expected = 64 * 16 + 16 + 16 * 8 + 8 + 2 * (8 * 8 + 8) + 8 * 10 + 10
    assert trained.parameters == expected


def test_the_reader_is_told_of_shared_cores_and_of_the_reference(trained: Measured) -> None:
    assert trained.notes[0].startswith("4 processes share 2 cores")
    assert "A single process takes" in trained.notes[1]


def block_of(**losses: list[float]) -> BlockFound:
    ways = {
        way: WayFound(
            part_seconds=(3.0, 1.0, 2.0),
            losses=tuple(values),
            checked_losses=tuple(values),
            weights_difference=0.0,
        )
        for way, values in losses.items()
    }
    return BlockFound(seed=0, parameters=7, ways=ways)


def found_of(*blocks: BlockFound) -> Found:
    return Found(backend="gloo", blocks=blocks)


def test_what_was_found_survives_the_process_border_to_the_last_bit() -> None:
    found = found_of(block_of(single=[0.1, 1 / 3, 5e-324, float("inf")]))
    assert Found.model_validate_json(found.model_dump_json()) == found
    nan = found_of(block_of(single=[float("nan")]))
    [value] = Found.model_validate_json(nan.model_dump_json()).blocks[0].ways["single"].losses
    assert math.isnan(value)


def job_of(*, cores: int = 4, count: int = 4, device: str = "cpu", **more: str) -> Job:
    options = options_of(ways={"one": "single", "batch": "data", **more})
    request = dataclasses.replace(
        request_of(Path()), options=options, cores=cores, device=torch.device(device)
    )
    return Job(request=request, count=count)


def test_a_way_that_computes_something_else_is_not_timed() -> None:
    found = found_of(block_of(single=[2.0, 1.0], data=[2.0, 1.001]))
    result = measured(found, job_of(), reason=None, seconds=1.0)
    assert "its losses differ from single-process training: by 0.001" in result.missing["batch"]
    assert result.runs["0"].metrics == {"seconds@one": 6.0}
    assert result.facts["batch"]["loss_difference"] == pytest.approx(1e-3)


def test_a_training_that_diverges_everywhere_is_marked_and_leaves_no_nan() -> None:
    nan = float("nan")
    found = found_of(block_of(single=[2.0, nan], data=[2.0, nan]))
    result = measured(found, job_of(), reason=None, seconds=1.0)
    assert not result.missing
    assert result.runs["0"].status == "diverged"
    assert result.facts["batch"]["losses"]["0"] == [2.0, None]
    json.dumps(result.facts, allow_nan=False)


def test_losses_are_compared_relative_to_the_single_process() -> None:
    assert loss_difference([2.0, 1.0], [2.0, 1.25]) == pytest.approx(0.2)
    assert loss_difference([2.0], [float("nan")]) == float("inf")


@pytest.mark.parametrize(
    ("cores", "begin"),
    [(1, "4 processes share 1 core,"), (2, "4 processes share 2 cores,"), (4, None), (16, None)],
)
def test_shared_cores_are_told_by_arithmetic(cores: int, begin: str | None) -> None:
    notes = shared_cores(job_of(cores=cores))
    assert [note[: len(begin or "")] for note in notes] == ([begin] if begin else [])
    assert job_of(cores=cores).threads == max(1, cores // 4)


def test_a_gpu_each_or_none_of_the_parallel_ways() -> None:
    assert why_alone("cpu", gpus=0, processes=4) is None
    assert why_alone("cuda", gpus=4, processes=4) is None
    reason = why_alone("cuda", gpus=1, processes=4)
    assert reason is not None
    assert "needs 4 GPUs" in reason
    assert "has 1" in reason
    found = found_of(block_of(single=[1.0], one=[1.0]))
    job = job_of(count=1, device="cuda", worker="one", workers="two")
    result = measured(found, job, reason=reason, seconds=1.0)
    assert result.missing == {"batch": reason, "workers": reason}
    assert result.runs["0"].metrics == {"seconds@one": 6.0, "seconds@worker": 6.0}
    assert shared_cores(job_of(cores=2, device="cuda")) == ()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ways": {"a": "data", "b": "tensor"}}, "`single` is missing"),
        ({"ways": {"a": "single", "b": "data", "c": "data"}}, "two levels have the same way"),
        ({"ways": {"a": "single", "b@c": "data"}}, "without @"),
        (
            {"ways": {"a": "single", "b": "pipeline"}},
            "'single', 'one', 'two', 'data', 'tensor' or 'mesh'",
        ),
        ({"processes": 3}, "processes"),
        ({"hidden": [16, 10]}, "each width of hidden must be a multiple of 4"),
        ({"hidden": []}, "hidden"),
        ({"batch_size": 30}, "batch_size must be a multiple of 4"),
        ({"steps": 7}, "steps must be a multiple of parts"),
        ({"step": 7}, "did you mean 'steps'"),
    ],
)
def test_options_that_cannot_be_run_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(NnbenchError) as caught:
        options_of(**values)
    assert words in str(caught.value)


def test_settings_that_the_ways_cannot_follow_are_refused() -> None:
    for name, values in {
        "dropout": {"dropout": 0.5},
        "model_options": {"model_options": {"skip": True}},
    }.items():
        request = dataclasses.replace(
            request_of(Path()), settings=Settings(experiment="parallel", **values)
        )
        with pytest.raises(NnbenchError, match=f"'parallel' cannot follow the setting '{name}'"):
            measure(request)


def test_the_plan_knows_entries_memory_and_duration() -> None:
    small, large = options_of(), options_of(hidden=[4096, 4096])
    assert PARALLEL.entries(small) == ENTRIES
    assert PARALLEL.memory_mb is not None
    assert PARALLEL.seconds is not None
    assert PARALLEL.memory_mb(small) < PARALLEL.memory_mb(large)
    assert PARALLEL.seconds(ParallelOptions(), 5) < 120
    assert PARALLEL.seconds(small, 5) < PARALLEL.seconds(large, 5) < PARALLEL.seconds(large, 10)
