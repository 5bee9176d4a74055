"""Compiled steps do what autograd does, to within rounding, and depend on nothing else."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from made_up_plan import claim, planned
from tiny_training import built, settings_of, tiny_data, train
from torch import Tensor, nn

from nnbench.cells.modules import find, inputs_in
from nnbench.engine.data import Normaliser, TrainingData
from nnbench.engine.native import build
from nnbench.engine.native.network import compiled_network
from nnbench.engine.native.program import LAYERS, LOSSES
from nnbench.engine.native.steps import OPTIMIZERS as COMPILED
from nnbench.engine.objectives import CLASSIFICATION, REGRESSION
from nnbench.engine.scores import evaluate
from nnbench.engine.train import Trained
from nnbench.jobs.here import machine_notes
from nnbench.registry import ACTIVATIONS, OPTIMIZERS

SEEDS = (0, 1, 2)
NORM: dict[str, Any] = {"model_options": {"norm": "batch"}, "optimizer": "sgd"}
# Adam would amplify the rounding of gradients that are zero, such as those of biases before a norm
CASES: dict[str, dict[str, Any]] = {
    **{name: {"activation": name, "hidden": [40, 24]} for name in ACTIVATIONS},
    **{name: {"optimizer": name} for name in OPTIMIZERS},
    "momentum": {"optimizer": "sgd", "momentum": 0.9},
    "rmsprop with momentum": {"optimizer": "rmsprop", "momentum": 0.5},
    **{f"{loss} of classes": {"loss": loss} for loss in CLASSIFICATION},
    "dropout": {"dropout": 0.3, "hidden": [40, 17]},
    "penalties": {"l1": 0.01, "l2": 0.02},
    "softmax regression": {"hidden": []},
    "cosine": {"schedule": "cosine"},
    "wider than a block": {"hidden": [300, 70], "optimizer": "sgd"},
    "batch normalisation": {**NORM, "hidden": [40, 17]},
    "skips": {
        "optimizer": "sgd", "momentum": 0.9, "dropout": 0.25, "hidden": [40, 40, 40],
        "model_options": {"norm": "batch", "skip": True},
    },
    "all weights zero": {"init": "zeros", "loss": "hinge"},
}  # fmt: skip

pytestmark = [
    pytest.mark.usefixtures("on_one_thread"),
    pytest.mark.skipif(build.compiler_here() is None, reason="needs a C++ compiler"),
]


def general(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on PyTorch does everything."""
    for module in ("monitor", "scores"):
        monkeypatch.setattr(f"nnbench.engine.{module}.compiled_network", lambda *_: None)


def regression(data: TrainingData) -> TrainingData:
    draw = torch.Generator().manual_seed(3)
    numbers = torch.randn(len(data.train), len(data.bank.inputs), generator=draw)
    bank = dataclasses.replace(data.bank, labels=numbers)
    return dataclasses.replace(data, bank=bank, task="regression", outputs=1)


def trained(data: TrainingData, seeds: Sequence[int] = SEEDS, **settings: Any) -> Trained:
    chosen = settings_of(**{"checkpoint": "last", **settings})
    return train(data, built(chosen, seeds, data), chosen, seeds=seeds)


def weights(found: Trained) -> list[Tensor]:
    return [tensor for tensor, _ in found.model.state()]


def assert_close(ours: Trained, theirs: Trained) -> None:
    for one, other in zip(weights(ours), weights(theirs), strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=2e-5)
    for name in ("train_loss", "validation_loss"):
        one, other = (torch.tensor(getattr(t.curves, name)) for t in (ours, theirs))
        assert one == pytest.approx(other, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_compiled_steps_end_where_autograd_ends(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiny_data(SEEDS, shape=(20,), size=58)
    ours = trained(data, **CASES[name])
    assert ours.compiler
    general(monkeypatch)
    theirs = trained(data, **CASES[name])
    assert theirs.compiler is None
    assert_close(ours, theirs)


@pytest.mark.parametrize("loss", REGRESSION)
def test_numbers_are_learned_as_by_autograd(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = regression(tiny_data(SEEDS, shape=(5,)))
    ours = trained(data, loss=loss, optimizer="sgd")
    general(monkeypatch)
    assert_close(ours, trained(data, loss=loss, optimizer="sgd"))


def test_images_are_seen_flat_and_each_feature_is_normalised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = tiny_data(SEEDS, shape=(1, 6, 7))
    draw = torch.Generator().manual_seed(1)
    shift, factor = (torch.rand(len(SEEDS), 1, 1, 6, 7, generator=draw) + 0.5 for _ in range(2))
    normaliser = Normaliser(shift=shift, factor=factor)
    data = dataclasses.replace(data, bank=dataclasses.replace(data.bank, normaliser=normaliser))
    ours = trained(data)
    general(monkeypatch)
    assert_close(ours, trained(data))


def test_every_registered_part_is_in_a_table_of_what_can_be_compiled() -> None:
    assert set(COMPILED) == set(OPTIMIZERS)
    by_pytorch = {"log_of_softmax", "log_of_clipped"}  # which claims compare as PyTorch rounds them
    assert {name for table in LOSSES.values() for name in table} == {
        None, *CLASSIFICATION, *REGRESSION,
    } - by_pytorch  # fmt: skip
    for path in ACTIVATIONS.values():
        assert getattr(nn, path.partition(":")[2]) in LAYERS


@pytest.mark.parametrize("settings", [CASES["skips"], CASES["dropout"]])
def test_a_replicate_has_the_same_bits_alone_in_chunks_and_with_threads(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_data(SEEDS, shape=(20,))
    expected = trained(data, **settings)

    def same(found: Trained, rows: slice = slice(None)) -> bool:
        pairs = zip(weights(found), weights(expected), strict=True)
        return all(one.equal(other[rows]) for one, other in pairs)

    alone = dataclasses.replace(
        tiny_data(SEEDS[1:2], shape=(20,)), train=data.train[1:2], validation=data.validation[1:2]
    )
    assert same(trained(alone, seeds=SEEDS[1:2], **settings), slice(1, 2))
    torch.set_num_threads(2)
    assert same(trained(data, **settings))
    monkeypatch.setattr("nnbench.engine.native.steps.CHUNK", 5)
    chunked = trained(data, **settings)
    assert same(chunked)
    assert chunked.curves == expected.curves


def test_a_loss_that_overflows_is_seen_as_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    data = regression(tiny_data(SEEDS, shape=(5,)))
    settings: dict[str, Any] = {"optimizer": "sgd", "lr": 1e20, "train_for": "20 epochs"}
    ours = trained(data, **settings)
    general(monkeypatch)
    assert ours.diverged == trained(data, **settings).diverged == (True, True, True)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_predictions_are_those_of_pytorch_also_far_from_zero(activation: str) -> None:
    data = tiny_data(SEEDS, shape=(20,), noise=100.0)
    model = built(settings_of(activation=activation, hidden=[40], dropout=0.5), SEEDS, data).eval()
    network = compiled_network(model, data.bank)
    assert network is not None
    with torch.no_grad():
        expected = model(data.bank.gather(data.validation)[0])
    assert network.outputs(data.validation) == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "cnn"}, {"augment": {"rotation_degrees": 10}}, {"mixed_precision": True},
        {"optimizer": "torch.optim:AdamW"}, {"activation": "torch.nn:Softplus"},
    ],
)  # fmt: skip
def test_whatever_is_not_in_the_tables_takes_the_general_path(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("nnbench.engine.native.steps.CompiledSteps.advance", refuse)
    assert trained(tiny_data(SEEDS, shape=(1, 8, 8)), **settings).steps == 12


def test_a_hook_sees_what_it_listens_to() -> None:
    data = tiny_data(SEEDS)
    model = built(settings_of(), SEEDS, data)
    seen: list[torch.Size] = []
    model.body.get_submodule("1").register_forward_hook(lambda *call: seen.append(call[2].shape))
    evaluate(model, data.bank, data.validation)
    assert seen == [torch.Size([3, 25, 8])]


# --- the compiler


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and nothing loaded yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "native", build.native.__wrapped__)
    return tmp_path / "nnbench"


LOAD = "from nnbench.engine.native.build import native; assert native()"


def test_it_is_compiled_once_and_a_damaged_file_is_made_anew(fresh: Path) -> None:
    def load(**environment: str) -> bool:
        done = subprocess.run(
            [sys.executable, "-c", LOAD], env={**os.environ, **environment}, check=False
        )
        return done.returncode == 0

    assert load()
    (file,) = fresh.iterdir()
    made = file.stat().st_mtime_ns
    assert load()
    assert file.stat().st_mtime_ns == made
    file.write_bytes(b"damaged")
    assert load()
    assert file.read_bytes() != b"damaged"


def test_jobs_that_compile_at_the_same_time_do_not_disturb_each_other(fresh: Path) -> None:
    jobs = [subprocess.Popen([sys.executable, "-c", LOAD]) for _ in range(4)]
    assert [job.wait(timeout=120) for job in jobs] == [0] * 4
    assert len(list(fresh.iterdir())) == 1


def test_without_a_compiler_it_says_so_once_and_goes_on(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert build.native() is None
    assert (
        "there is no C++ compiler: dense and recurrent networks train in PyTorch"
        in capsys.readouterr().err
    )
    assert not fresh.exists()


def test_a_compiler_that_fails_is_named_with_its_reason(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.write_text(f"#!{shutil.which('sh')}\necho >&2 'error: unknown option'\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    assert build.native() is None
    assert f"{broken} does not compile it (error: unknown option)" in capsys.readouterr().err


def test_the_switch_turns_it_off(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(build.SWITCH, "off")
    assert build.native() is None
    assert not fresh.exists()


def test_an_edit_of_the_compiled_code_is_an_edit_of_the_training_code() -> None:
    found = find("nnbench.engine.native.build")
    assert found is not None
    assert [text.partition(" ")[0] for text in inputs_in(found)] == ["recurrent.hpp", "step.cpp"]


def test_a_batch_that_does_not_fit_the_memory_is_a_memory_error() -> None:
    """Like PyTorch's own, it makes the groups of replicates smaller."""
    data = tiny_data(SEEDS)
    network = compiled_network(built(settings_of(), SEEDS, data), data.bank)
    assert network is not None
    with pytest.raises(MemoryError):
        network.each(lambda replicate: int(replicate == 1))


@pytest.mark.parametrize(("device", "told"), [("auto", True), ("cpu", True), ("cuda", False)])
def test_the_plan_says_where_dense_networks_will_be_slow(
    device: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, claim())
    plan = dataclasses.replace(plan, config=plan.config.model_copy(update={"device": device}))
    assert list(machine_notes(plan)) == []
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert ["no C++ compiler" in note for note in machine_notes(plan)] == [True] * told
