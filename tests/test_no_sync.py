"""Nothing inside an optimiser step waits for the device.

Shown without a GPU on PyTorch's ``meta`` device. Its tensors have no data: whatever has to wait for a
number, the count of a mask or a copy back fails there. Copies from the CPU, for which CUDA waits too, are
seen by their two devices. Where there is a GPU, CUDA itself is the judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_training import CPU, one_thread, settings_of, tiny_data
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nnbench.engine import train as training
from nnbench.engine.data import Order, TrainingData
from nnbench.engine.monitor import Monitor
from nnbench.engine.seeding import generators
from nnbench.engine.stacking import Replicates
from nnbench.engine.train import build_replicates
from nnbench.settings import Settings

SEEDS = (0, 1)
STEPS = 5  # of 16 samples: one pass over 50 samples, and a step of the next
IMAGE, SERIES = (1, 8, 8), (12,)
AUGMENT = {
    "rotation_degrees": 20.0, "shift_fraction": 0.1, "shear_degrees": 5.0, "zoom_fraction": 0.1,
    "horizontal_flip": True,
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "batch norm": {"model_options": {"norm": "batch"}},
    "dropout": {"dropout": 0.4},
    "penalties": {"l1": 1e-3, "l2": 1e-3},
    "augmentation": {"augment": AUGMENT},
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "momentum": 0.9, "schedule": "step"},
    "rmsprop": {"optimizer": "rmsprop", "momentum": 0.9, "schedule": "cosine"},
    "cnn": {"model": "cnn"},
    "gru": {"model": "gru"},
    "lstm": {"model": "lstm"},
    "not stacked": {"model": "tiny_training:skip", "dropout": 0.4},
    **{loss: {"loss": loss} for loss in ("mse", "hinge", "smoothed")},
}


class WaitsError(AssertionError):
    """A step had to wait for the device."""


class Watch(TorchDispatchMode):
    """Inside a step every operation keeps to one device."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = False
        self.seen: list[str] = []

    def tell(self, *, inside: bool) -> None:
        self.inside = inside

    def __torch_dispatch__(
        self, op: Any, types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = op(*args, **(kwargs or {}))
        if self.inside:
            self.seen.append(str(op))
            tensors = [t for t in tree_leaves((args, kwargs, out)) if isinstance(t, Tensor)]
            devices = {tensor.device for tensor in tensors}
            if len(devices) > 1:
                raise WaitsError(f"{op} copies between devices")
            if op is torch.ops.aten.lift_fresh.default and devices != {CPU}:
                raise WaitsError(
                    "a constant copies between devices"
                )  # a number or list of Python's
        return out


@contextmanager
def told(tell: Callable[..., None]) -> Iterator[None]:
    """Say where each step begins and ends; evaluation, which may wait, is left out."""
    batches = Order.batches

    def watched(self: Order, **which: int) -> Iterator[Tensor]:
        try:
            for index in batches(self, **which):
                tell(inside=True)
                yield index
                tell(inside=False)
        finally:
            tell(inside=False)

    def look(_: Monitor, **__: object) -> bool:
        tell(inside=False)
        return False

    with pytest.MonkeyPatch.context() as patch, one_thread():
        patch.setattr(Order, "batches", watched)
        patch.setattr(Monitor, "look", look)
        patch.setattr(training, "_trained", lambda *_, **__: None)
        yield


@contextmanager
def without_data() -> Iterator[None]:
    """What the meta device lacks: generators of its own, and PyTorch's fused SGD."""
    with (
        pytest.MonkeyPatch.context() as patch,
        torch.library._scoped_library("aten", "IMPL") as library,
    ):
        patch.setattr(training, "generators", lambda seeds, use, *_: generators(seeds, use))
        library.impl("_fused_sgd_", lambda *_, **__: None, "Meta")
        yield


def problem(
    values: dict[str, Any], device: torch.device
) -> tuple[TrainingData, Replicates, Settings]:
    """Tiny data, a model and its settings, on a device."""
    settings = settings_of(train_for=f"{STEPS} steps", evaluations=1, **values)
    shape = IMAGE if "augment" in values or settings.model == "cnn" else SERIES
    data = tiny_data(SEEDS, shape=shape)
    model = build_replicates(
        settings,
        input_shape=shape,
        classes=data.outputs,
        seeds=SEEDS,
        device=CPU if device.type == "meta" else device,  # where its weights are drawn
    )
    bank = data.bank
    scale = replace(
        bank.normaliser,
        shift=bank.normaliser.shift.to(device),
        factor=bank.normaliser.factor.to(device),
    )
    moved = replace(
        bank, inputs=bank.inputs.to(device), labels=bank.labels.to(device), normaliser=scale
    )
    rows = {"train": data.train.to(device), "validation": data.validation.to(device)}
    return replace(data, bank=moved, **rows), model.to(device), settings


def spoilt(model: Replicates, spoil: Callable[[Tensor], object]) -> None:
    """Let something happen to the inputs in each step."""

    def hook(_: object, inputs: tuple[Tensor, ...]) -> None:
        spoil(inputs[0])

    model.register_forward_pre_hook(hook)


def watched_training(
    values: dict[str, Any], spoil: Callable[[Tensor], object] | None = None
) -> list[str]:
    """Train on the meta device; the operations inside the steps."""
    data, model, settings = problem(values, torch.device("meta"))
    if spoil is not None:
        spoilt(model, spoil)
    watch = Watch()
    with without_data(), told(watch.tell), watch:
        training.train(data, model, settings, seeds=SEEDS)
    return watch.seen


@pytest.mark.parametrize("case", CASES)
def test_no_step_waits_for_the_device(case: str) -> None:
    seen = watched_training(CASES[case])
    assert seen.count("aten.index_select.default") >= STEPS  # each step gathered its samples
    assert sum("backward" in op for op in seen) >= STEPS


NUMBER, DATA, COUNT = "item", "no data|numpy", "nonzero|_unique2|equal|bincount"


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (lambda x: x.sum().item(), NUMBER),
        (lambda x: float(x.sum()), NUMBER),
        (lambda x: bool(x.isnan().any()), NUMBER),
        (lambda x: torch.allclose(x, x), NUMBER),
        (lambda x: x.tolist(), DATA),
        (lambda x: x.detach().numpy(), DATA),
        (lambda x: x.cpu(), DATA),
        (lambda x: x[x > 0], COUNT),
        (lambda x: x.nonzero(), COUNT),
        (lambda x: x.unique(), COUNT),
        (lambda x: torch.equal(x, x + 1), COUNT),
        (lambda x: x.long().flatten().bincount(), COUNT),
        (lambda x: x * torch.tensor([2.0]).to(x.device), "copies between"),
        (lambda x: torch.tensor([2.0], device=x.device), "copies between"),
        (lambda x: x[[0, 1]], "copies between"),
    ],
    ids=["item", "float", "bool", "allclose", "tolist", "numpy", "cpu", "mask", "nonzero", "unique",
         "equal", "bincount", "copy to the device", "constant", "index"],
)  # fmt: skip
def test_a_step_that_waits_is_found_out(wait: Callable[[Tensor], object], words: str) -> None:
    with pytest.raises((WaitsError, NotImplementedError, RuntimeError, TypeError), match=words):
        watched_training({}, wait)


def test_what_does_not_wait_is_let_through() -> None:
    def harmless(x: Tensor) -> None:
        torch.where(x > 0, x, 0.0).masked_fill(x < 0, 1.0).clamp(0.0, 2.0).sum()
        torch.zeros(3, device=x.device) + torch.arange(3, device=x.device)

    assert watched_training({}, harmless)


def tell_cuda(*, inside: bool) -> None:
    torch.cuda.set_sync_debug_mode("error" if inside else "default")


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
prototype = pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")


@needs_cuda
@prototype
@pytest.mark.parametrize("case", [*CASES, "mixed precision"])  # autocast knows no meta device
def test_cuda_sees_no_step_that_waits(case: str) -> None:
    values = CASES.get(case, {"mixed_precision": True})
    data, model, settings = problem(values, torch.device("cuda"))
    with told(tell_cuda):
        training.train(data, model, settings, seeds=SEEDS)


@needs_cuda
@prototype
def test_cuda_finds_a_step_that_waits() -> None:
    data, model, settings = problem({}, torch.device("cuda"))
    spoilt(model, lambda x: x.sum().item())
    with told(tell_cuda), pytest.raises(RuntimeError, match="synchronizing"):
        training.train(data, model, settings, seeds=SEEDS)
