"""S replicates of one plain ``nn.Module`` as a single module that trains them together.

Parameters get a leading replicate dimension, so that one batched matrix product does the work of S small
ones. Replicates never mix: each has its own weights, samples and random generator, and the loss is a sum over
replicates, so the result equals S separate runs up to rounding. Modules without a stacked form run one
replicate at a time behind the same interface, (S, B, *input) -> (S, B, classes).
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from nnbench.engine.native.build import native
from nnbench.engine.own_draws import OwnDraws
from nnbench.engine.pooling import pool_quickly
from nnbench.engine.stacked_layers import (
    CONVOLUTIONS,
    CannotStackError,
    Generators,
    SeededDropout,
    StackedLinear,
    stack,
)
from nnbench.errors import NnbenchError

LARGEST_STACKED_MAP = 100  # pixels; measured with ten replicates, batches of 32 and 16 channels


def _check_plain(module: nn.Module, *, stackable: bool) -> None:
    """Refuse to stack modules that stacking would change: shared layers, frozen parameters, mixed weights."""
    if not stackable:
        raise CannotStackError("the optimiser mixes the weights of a tensor")
    parameters = list(module.named_parameters(remove_duplicate=False))
    if len({id(p) for _, p in parameters}) < len(parameters):
        raise CannotStackError("a layer is used twice")
    if not all(p.requires_grad for _, p in parameters):
        raise CannotStackError("a parameter is frozen")


def _check_pays(module: nn.Module, input_shape: tuple[int, ...] | None) -> None:
    """Refuse to stack what is slower so: on a CPU convolutions of large inputs, elsewhere recurrent layers but GRUs.

    One replicate's feature maps fit in a CPU's cache, those of all do not: at 28 x 28 the stacked form
    takes 1.4 times as long, at 8 x 8 two thirds as long. PyTorch's fused recurrent layers gain nothing by stacking,
    but compiled code, which is faster than those, takes stacks.
    """
    on_cpu = all(parameter.device.type == "cpu" for parameter in module.parameters())
    if _has(module, nn.LSTM, nn.RNN) and not (on_cpu and native()):
        raise CannotStackError("fused recurrent layers without compiled code")
    if not on_cpu or not _has(module, *CONVOLUTIONS):
        return
    sides = input_shape[-2:] if input_shape and len(input_shape) == 3 else input_shape
    if sides is None or math.prod(sides) > LARGEST_STACKED_MAP:
        raise CannotStackError("convolutions of large inputs on a CPU")


def _has(module: nn.Module, *kinds: type[nn.Module]) -> bool:
    return any(isinstance(part, kinds) for part in module.modules())


class Replicates(nn.Module):
    """S models of one architecture behind one interface, stacked where that is possible and faster.

    Args:
        modules: One per replicate, on the device where they stay.
        generators: One per replicate for dropout masks, on the same device.
        input_shape: Shape of one sample; on a CPU, convolutions are stacked only if it is given and small.
        stackable: Whether the optimiser is elementwise, as stacking requires.
        own_draws: What parts that are not nnbench's draw; None: there are none.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        generators: Generators,
        *,
        input_shape: tuple[int, ...] | None = None,
        stackable: bool = True,
        own_draws: OwnDraws | None = None,
    ) -> None:
        super().__init__()
        self.count = len(modules)
        self.draws = tuple(generators)
        self.own_draws = own_draws
        self.frozen = False
        try:
            _check_plain(modules[0], stackable=stackable)
            _check_pays(modules[0], input_shape)
            self.body = stack(modules, generators)
            self.stacked = True
        except CannotStackError:
            self.body = nn.ModuleList(
                _with_seeded_dropout(module, g)
                for module, g in zip(modules, generators, strict=True)
            )
            self.stacked = False
        pool_quickly(self.body)
        if own_draws:
            own_draws.hold(self.body)

    def forward(self, x: Tensor) -> Tensor:
        """(S, B, *input) -> (S, B, classes)."""
        if self.stacked:
            out: Tensor = self.body(x)
            return out
        pairs = enumerate(zip(self.body.children(), x, strict=True))
        return torch.stack([self._turn(replicate, m, own) for replicate, (m, own) in pairs])

    def _turn(self, replicate: int, module: nn.Module, x: Tensor) -> Tensor:
        with self.own_draws.turn(replicate) if self.own_draws else nullcontext():
            out: Tensor = module(x)
            return out

    def parameters_each(self) -> int:
        """Trainable parameters of one replicate."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad) // self.count

    def kernels(self) -> list[nn.Parameter]:
        """The weight matrices, on which Keras' kernel_regularizer acts (not biases or norm scales)."""
        matrix = 3 if self.stacked else 2
        return [
            p
            for name, p in self.named_parameters()
            if name.endswith(("weight", "weight_ih_l0")) and p.ndim >= matrix and p.requires_grad
        ]

    def freeze_body(self) -> None:
        """From now on train nothing but the output layer."""
        self.frozen = True
        trained = {id(parameter) for parameter in self.output_layer()}
        for parameter in self.parameters():
            parameter.requires_grad_(id(parameter) in trained)

    def train(self, mode: bool = True) -> "Replicates":
        """Switch to training mode or back; a frozen body's normalisation keeps its statistics."""
        super().train(mode)
        if self.own_draws:
            self.own_draws.go_on() if mode else self.own_draws.begin_aside()
        for module in self.modules() if self.frozen else ():
            if hasattr(module, "running_mean"):
                module.train(mode=False)
        return self

    def output_layer(self) -> list[nn.Parameter]:
        """All replicates' weights and biases of the last dense layer; NnbenchError if the model has none."""
        return [p for layer in self._output_layers().values() for p in layer.parameters()]

    def _output_layers(self) -> dict[str, nn.Module]:
        """The last dense layer by its name in ``named_modules``: one entry, or one per replicate."""
        parts = {"": self.body} if self.stacked else dict(self.body.named_children())
        found: dict[str, nn.Module] = {}
        for name, part in parts.items():
            modules = part.named_modules(prefix=f"body.{name}".removesuffix("."))
            dense = [(n, m) for n, m in modules if isinstance(m, nn.Linear | StackedLinear)]
            if not dense:
                raise NnbenchError(
                    "the model has no dense layer that could be its output layer",
                    todo="end the model with torch.nn.Linear, or choose another one",
                )
            found.update(dense[-1:])
        return found

    @torch.no_grad()
    def copy_body_from(self, other: "Replicates") -> None:
        """Copy all parameters and buffers of another model, except its output layer's.

        Raises NnbenchError if the number of replicates or the architecture differs.
        """
        own, theirs = self.body_state(), other.body_state()
        shapes, wanted = ({k: tuple(v.shape) for k, v in s.items()} for s in (theirs, own))
        if other.count != self.count or shapes != wanted:
            differing = dict(wanted.items() ^ shapes.items())
            raise NnbenchError(
                "weights of another architecture cannot be copied",
                got=f"{other.count} replicates" if not differing else ", ".join(sorted(differing)),
                allowed=f"{self.count} replicates whose layers differ in the output layer alone",
            )
        for name, tensor in own.items():
            tensor.copy_(theirs[name])

    def body_state(self) -> dict[str, Tensor]:
        """All parameters and buffers, except the output layer's, by name."""
        outputs = tuple(f"{name}." for name in self._output_layers())
        named = itertools.chain(self.named_parameters(), self.named_buffers())
        return {name: tensor.detach() for name, tensor in named if not name.startswith(outputs)}

    def state(self) -> Iterator[tuple[Tensor, int | None]]:
        """Every parameter and buffer with its replicate (None: dimension 0 holds all replicates)."""
        parts = [(None, self.body)] if self.stacked else enumerate(self.body.children())
        for replicate, part in parts:
            for tensor in (*part.parameters(), *part.buffers()):
                yield tensor.detach(), replicate

    @torch.no_grad()
    def set_state(self, values: Sequence[Tensor]) -> None:
        """Overwrite the tensors of ``state``."""
        for (tensor, _), value in zip(self.state(), values, strict=True):
            tensor.copy_(value)


class BestWeights:
    """The weights of each replicate at a point of its own, such as that of its best validation loss."""

    def __init__(self, model: Replicates) -> None:
        self.model = model
        self.kept = [tensor.clone() for tensor, _ in model.state()]

    def keep(self, which: Tensor) -> None:
        """Copy the current weights of the replicates in ``which``, a mask (S,) on the CPU."""
        chosen = which.nonzero().flatten().tolist()
        for (now, own), kept in zip(self.model.state(), self.kept, strict=True):
            for replicate in chosen:
                if own is None:
                    kept[replicate] = now[replicate]
                elif own == replicate:
                    kept.copy_(now)

    def restore(self) -> None:
        """Put the kept weights back into the model."""
        self.model.set_state(self.kept)


def _with_seeded_dropout(module: nn.Module, generator: torch.Generator) -> nn.Module:
    """Replace every nn.Dropout inside a module: its masks come from the replicate's generator of them."""
    if type(module) is nn.Dropout:
        dropout = SeededDropout(module.p, (generator,))
        return nn.Sequential(nn.Unflatten(0, (1, -1)), dropout, nn.Flatten(0, 1))
    for name, child in module.named_children():
        setattr(module, name, _with_seeded_dropout(child, generator))
    return module
