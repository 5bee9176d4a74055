"""A stack of dense or recurrent networks in compiled code, on the tensors that PyTorch holds; and what it predicts.

Replicates are independent and take turns, so that one's weights and activations stay in the core's cache. With
several threads each takes the next replicate, which changes no bit.
"""

import ctypes
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import byref, c_int64, c_void_p

import torch
from torch import Tensor, nn

from nnbench.engine.data import Bank
from nnbench.engine.native.build import Native, native
from nnbench.engine.native.inputs import Samples, nonzeros_of
from nnbench.engine.native.program import (
    LINEAR,
    CannotCompileError,
    CLayer,
    CWork,
    Layer,
    layers_of,
    pointer,
)
from nnbench.engine.stacking import Replicates

PREDICTED = 128  # samples at a time, whose activations stay in the cache
Sizes = ctypes.Array[c_int64]  # of the batches of some steps


def sizes_of(batches: Iterable[int]) -> Sizes:
    """The sizes of batches for ``CompiledNetwork.work``."""
    sizes = tuple(batches)
    return (c_int64 * len(sizes))(*sizes)


class CompiledNetwork:
    """The networks of a stack and the samples that they see; all tensors must stay where they are."""

    def __init__(
        self, code: Native, layers: Sequence[Layer], model: Replicates, bank: Bank
    ) -> None:
        self.code, self.layers, self.model, self.bank = code, layers, model, bank
        dense = layers[0].kind == LINEAR
        self.samples = Samples(bank.inputs, nonzeros_of(bank.inputs, code) if dense else None)
        self.works = [self._work(replicate) for replicate in range(model.count)]

    def outputs(self, index: Tensor) -> Tensor:
        """Outputs (S, B, classes) in evaluation mode for the samples at rows (S, B)."""
        count = index.shape[1]
        sizes = sizes_of(min(PREDICTED, count - start) for start in range(0, count, PREDICTED))
        outputs = torch.empty(*index.shape, self.layers[-1].outputs)
        index = index.contiguous()

        def one(replicate: int) -> int:
            work = self.work(replicate, self.samples, index, sizes)
            to = c_void_p(pointer(outputs, replicate))
            return int(self.code.library.nnbench_predict(byref(work), to))

        self.each(one)
        return outputs

    def work(self, replicate: int, samples: Samples, index: Tensor, sizes: Sizes) -> CWork:
        """What one replicate does with its rows of ``index`` (S, B), in batches of these sizes."""
        work = self.works[replicate]
        work.inputs = samples.inputs.data_ptr()
        apart = samples.sparse or (None, None, None)
        work.starts, work.columns, work.nonzeros = (
            None if t is None else t.data_ptr() for t in apart
        )
        work.rows, work.steps = pointer(index, replicate), len(sizes)
        work.sizes = sizes
        return work

    def _work(self, replicate: int) -> CWork:
        """One replicate's layers, samples and normalisation."""
        inputs, normaliser = self.bank.inputs, self.bank.normaliser
        shift, factor = normaliser.shift, normaliser.factor
        own = replicate if len(shift) > 1 else 0
        return CWork(
            layers=(CLayer * len(self.layers))(*(layer.of(replicate) for layer in self.layers)),
            layer_count=len(self.layers),
            width=inputs[0].numel(),
            shift=pointer(shift, own),
            factor=pointer(factor, own),
            stride=int(shift[0].numel() > 1),
        )

    def each(self, one: Callable[[int], int]) -> None:
        """Call ``one`` for every replicate, by as many threads as PyTorch may use.

        Raises MemoryError if it is not 0 for one of them.
        """
        replicates = range(self.model.count)
        threads = min(torch.get_num_threads(), len(replicates))
        if threads == 1:
            failed = any(map(one, replicates))
        else:
            with ThreadPoolExecutor(threads) as pool:
                failed = any(pool.map(one, replicates))
        if failed:
            raise MemoryError("not enough memory for the activations of a batch")


def compiled_network(model: nn.Module, bank: object) -> CompiledNetwork | None:
    """The compiled form of a stack for samples of this bank; None if it or this machine has none."""
    if not isinstance(model, Replicates) or not isinstance(bank, Bank) or not model.stacked:
        return None
    inputs, normaliser = bank.inputs, bank.normaliser
    plain = inputs.device.type == "cpu" and inputs.dtype == torch.float32 and inputs.is_contiguous()
    each = {normaliser.shift[0].numel(), normaliser.factor[0].numel()}
    if not plain or each not in ({1}, {inputs[0].numel()}):
        return None
    try:
        layers = layers_of(model.body, tuple(inputs.shape[1:]))
    except CannotCompileError:
        return None
    code = native()
    return CompiledNetwork(code, layers, model, bank) if code else None
