"""Optimiser steps of a stack of dense or recurrent networks in compiled code.

A replicate does all steps of a chunk before the next one starts, so its weights, gradients and moments stay in
the core's cache.
"""

import ctypes
from collections.abc import Iterator, Sequence
from ctypes import byref, c_double

import torch
from torch import Tensor

from nnbench.engine.data import TrainingData
from nnbench.engine.images import pixel_maps, uniforms_of
from nnbench.engine.native.inputs import Samples, nonzeros_of, warped
from nnbench.engine.native.network import CompiledNetwork, sizes_of
from nnbench.engine.native.program import DROPOUT, LOSSES, NORM, WEIGHT, CTensor, CWork, pointer
from nnbench.engine.optim import Functional, Optimizer
from nnbench.settings import Settings

CHUNK = 256  # steps at most between two looks at the clock, which cost as much as a small step
CHUNK_FLOPS = 2**35  # a second or less
WAITING = 2**20  # values of augmented images at most that wait for their steps, in the core's cache
MOMENTS = {
    "adam": (0, 1),
    "sgd": (0, None),
    "rmsprop": (1, 0),
}  # what step.cpp calls first and second
OPTIMIZERS = ("adam", "sgd", "rmsprop")  # numbered as in step.cpp


def compiled_steps(
    network: CompiledNetwork,
    optimizer: Optimizer,
    data: TrainingData,
    settings: Settings,
    *,
    draws: Sequence[torch.Generator],
) -> "CompiledSteps | None":
    """The compiled steps of a training; None if its settings need the general path. ``draws`` are for augmentation."""
    if settings.mixed_precision or settings.balance == "weights":
        return None
    if settings.second_task or settings.loss not in LOSSES[data.task]:
        return None
    if settings.optimizer not in OPTIMIZERS or not isinstance(optimizer, Functional):
        return None
    norms = any(layer.kind == NORM for layer in network.layers)
    if norms and 1 in (settings.batch_size, data.train.shape[1] % settings.batch_size):
        return None  # a batch of one sample has no variance: PyTorch says so
    if not all(p.requires_grad for p in network.model.parameters()):
        return None
    return CompiledSteps(network, optimizer, data, settings, draws)


class CompiledSteps:
    """Steps of all replicates of one training; the model and ``optimizer`` hold its state as ever."""

    def __init__(
        self,
        network: CompiledNetwork,
        optimizer: Functional,
        data: TrainingData,
        settings: Settings,
        draws: Sequence[torch.Generator],
    ) -> None:
        self.network, self.layers, self.model = network, network.layers, network.model
        self.optimizer, self.data, self.settings, self.draws = optimizer, data, settings, draws
        for replicate, work in enumerate(network.works):
            self._prepare(work, replicate)
        self.dropped = [layer.outputs for layer in self.layers if layer.kind == DROPOUT]
        passes = (
            self.model.count * settings.batch_size * max(1, *(layer.steps for layer in self.layers))
        )
        flops = 6 * self.model.parameters_each() * passes
        self.most = max(1, min(CHUNK, CHUNK_FLOPS // flops))
        if draws:
            seen = self.model.count * settings.batch_size * data.bank.inputs[0].numel()
            self.most = max(1, min(self.most, WAITING // seen))
        """Steps of one chunk: a question of how long a request to stop waits, not of any number."""

    def _prepare(self, work: CWork, replicate: int) -> None:
        """Tell what all steps of a replicate share."""
        settings = self.settings
        work.loss, work.loss_number = LOSSES[self.data.task][settings.loss]
        work.optimizer, work.momentum = OPTIMIZERS.index(settings.optimizer), settings.momentum
        work.l1, work.l2 = settings.l1, settings.l2
        work.tensors = tensors = self._tensors(replicate)
        work.tensor_count = len(tensors)

    def advance(
        self, batches: Sequence[Tensor], lrs: Sequence[float], *, done: int, loss_sum: Tensor
    ) -> None:
        """Do one step per batch of rows (S, B), after ``done`` steps; add each sample's loss to ``loss_sum``."""
        sizes = [index.shape[1] for index in batches]
        index = torch.cat(list(batches), dim=1).contiguous()
        labels = self.data.bank.labels_at(index).contiguous()
        samples = self.network.samples
        if self.draws:
            samples, index = self._augmented(index)
        bits, each = self._bits(sizes), sizes_of(sizes)
        rates = (c_double * len(lrs))(*lrs)
        answers = "targets" if self.data.task == "regression" else "labels"

        def one(replicate: int) -> int:
            work = self.network.work(replicate, samples, index, each)
            work.lrs, work.done = rates, done
            setattr(work, answers, pointer(labels, replicate))
            work.bits, work.loss_sum = pointer(bits, replicate), pointer(loss_sum, replicate)
            return int(self.network.code.library.nnbench_train(byref(work)))

        self.network.each(one)
        if self.settings.optimizer == "adam":  # its own count, for who continues by autograd
            for own in self.optimizer.memory[2]:
                assert own is not None
                own.add_(len(batches))

    def _augmented(self, index: Tensor) -> tuple[Samples, Tensor]:
        """Samples of their own, and the rows (S, B) of them, for what lies at the rows ``index`` (S, B)."""
        bank, code = self.data.bank.inputs, self.network.code
        height, width = bank.shape[2:]
        uniforms = uniforms_of(index.shape[1], self.draws, device=bank.device).flatten(0, 1)
        maps = pixel_maps(uniforms, self.settings.augment, height=height, width=width)
        images = warped(bank, index.flatten(), *maps, code)
        rows = torch.arange(len(images)).view(index.shape)
        apart = self.network.samples.sparse and nonzeros_of(images, code)
        return Samples(images, apart), rows

    def _bits(self, sizes: Sequence[int]) -> Tensor | None:
        """The bits that ``SeededDropout`` would draw in all these steps, (S, n) int64."""
        if not self.dropped:
            return None
        words = sum(-(-size * units // 4) for size in sizes for units in self.dropped)
        bits = torch.empty(self.model.count, words, dtype=torch.int64)
        for own, draw in zip(bits, self.model.draws, strict=True):
            own.random_(-(2**63), None, generator=draw)
        return bits

    def _tensors(self, replicate: int) -> ctypes.Array[CTensor]:
        """Every trainable tensor of one replicate, in the order of the optimiser's memory."""
        first, second = MOMENTS[self.settings.optimizer]
        found = []
        for number, (layer, part, tensor) in enumerate(self._trainable()):
            held = [
                None if m is None else self.optimizer.memory[m][number] for m in (first, second)
            ]
            moments = (pointer(own, replicate) for own in held)
            size = tensor[0].numel()
            penalised = part == WEIGHT and self.layers[layer].kind != NORM
            found.append(
                CTensor(pointer(tensor, replicate), *moments, size, layer, part, penalised)
            )
        return (CTensor * len(found))(*found)

    def _trainable(self) -> Iterator[tuple[int, int, Tensor]]:
        for number, layer in enumerate(self.layers):
            for part, tensor in layer.trainable():
                yield number, part, tensor
