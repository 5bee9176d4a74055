"""A stack of dense and recurrent layers as the compiled code sees it: one row per layer, and pointers to its tensors.

``LAYERS`` is the table of what can be compiled; a network with anything else trains by autograd.
"""

import ctypes
import math
from collections.abc import Callable, Iterator, Mapping
from ctypes import POINTER, c_double, c_float, c_int32, c_int64, c_void_p
from dataclasses import dataclass

from torch import Tensor, nn

from nnbench.datasets.base import Task
from nnbench.engine.objectives import HUBER_DELTA, SMOOTHING
from nnbench.engine.stacked_layers import (
    OverChannels,
    SeededDropout,
    StackedBatchNorm,
    StackedFused,
    StackedGru,
    StackedLinear,
    StackedRecurrent,
)
from nnbench.models.base import SkipBlock, Steps

(
    LINEAR, RELU, SIGMOID, TANH, LEAKY_RELU, ELU, GELU, SILU, DROPOUT, NORM, SKIP, JOIN, STEPS, ELMAN, GRU, LSTM,
) = range(16)  # fmt: skip
WEIGHT, BIAS, RECURRENT, RECURRENT_BIAS = range(4)  # what a tensor is in its layer
LOSSES: Mapping[Task, Mapping[str | None, tuple[int, float]]] = {  # the number in step.cpp, and its parameter
    "classification": {
        None: (0, 0.0), "cross_entropy": (0, 0.0), "smoothed": (0, SMOOTHING), "mse": (1, 0.0), "hinge": (2, 0.0),
    },
    "regression": {None: (3, 0.0), "mse": (3, 0.0), "mae": (4, 0.0), "huber": (5, HUBER_DELTA)},
}  # fmt: skip


class CLayer(ctypes.Structure):
    """``Layer`` in step.cpp."""

    _fields_ = (
        ("kind", c_int32), ("inputs", c_int32), ("outputs", c_int32), ("partner", c_int32),
        ("number", c_float), ("momentum", c_float),
        ("weight", c_void_p), ("bias", c_void_p), ("mean", c_void_p), ("variance", c_void_p),
        ("recurrent", c_void_p), ("recurrent_bias", c_void_p), ("steps", c_int32), ("last", c_int32),
    )  # fmt: skip


class CTensor(ctypes.Structure):
    """``Tensor`` in step.cpp."""

    _fields_ = (
        ("value", c_void_p), ("first", c_void_p), ("second", c_void_p), ("size", c_int64),
        ("layer", c_int32), ("part", c_int32), ("penalised", c_int32),
    )  # fmt: skip


class CWork(ctypes.Structure):
    """``Work`` in step.cpp."""

    _fields_ = (
        ("layers", POINTER(CLayer)), ("tensors", POINTER(CTensor)),
        ("layer_count", c_int32), ("tensor_count", c_int32), ("loss", c_int32), ("optimizer", c_int32),
        ("loss_number", c_float), ("momentum", c_float), ("l1", c_float), ("l2", c_float),
        ("inputs", c_void_p), ("shift", c_void_p), ("factor", c_void_p),
        ("starts", c_void_p), ("columns", c_void_p), ("nonzeros", c_void_p),
        ("width", c_int64), ("stride", c_int64),
        ("rows", c_void_p), ("sizes", POINTER(c_int64)), ("labels", c_void_p), ("targets", c_void_p),
        ("lrs", POINTER(c_double)), ("steps", c_int64), ("done", c_int64),
        ("bits", c_void_p), ("loss_sum", c_void_p),
    )  # fmt: skip


class CannotCompileError(TypeError):
    """A network has a layer that the compiled code does not know."""


def pointer(tensor: Tensor | None, replicate: int) -> int | None:
    """Address of one replicate's part of a tensor (S, ...) that is contiguous."""
    if tensor is None:
        return None
    return tensor.data_ptr() + replicate * tensor.stride(0) * tensor.element_size()


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the stack; tensors have a leading replicate dimension."""

    kind: int
    outputs: int
    inputs: int = 0
    number: float = 0.0  # see step.cpp
    momentum: float = 0.0
    partner: int = 0
    weight: Tensor | None = None
    bias: Tensor | None = None
    mean: Tensor | None = None
    variance: Tensor | None = None
    recurrent: Tensor | None = None
    recurrent_bias: Tensor | None = None
    steps: int = 0
    last: bool = False

    def trainable(self) -> Iterator[tuple[int, Tensor]]:
        """What each trainable tensor is, in the order of the module's parameters."""
        parts = {
            WEIGHT: self.weight, RECURRENT: self.recurrent, BIAS: self.bias, RECURRENT_BIAS: self.recurrent_bias,
        }  # fmt: skip
        for part, tensor in parts.items():
            if tensor is not None:
                yield part, tensor

    def of(self, replicate: int) -> CLayer:
        """The row of one replicate."""
        held = (self.weight, self.bias, self.mean, self.variance, self.recurrent, self.recurrent_bias)  # fmt: skip
        return CLayer(
            self.kind, self.inputs or self.outputs, self.outputs, self.partner,
            self.number, self.momentum, *(pointer(t, replicate) for t in held), self.steps, self.last,
        )  # fmt: skip


Rows = Callable[[nn.Module, int], list[Layer]]  # a module and the width of its inputs


def _dense(module: nn.Module, size: int) -> list[Layer]:
    assert isinstance(module, StackedLinear)
    weight, bias = module.weight, None if module.bias is None else module.bias.detach()
    if weight.shape[1] != size:
        raise CannotCompileError("a dense layer of each step")
    return [Layer(LINEAR, weight.shape[2], size, weight=weight.detach(), bias=bias)]


def _steps(input_shape: tuple[int, ...]) -> list[Layer]:
    """From images (C, H, W) to H steps; those of one channel lie one after the other as they are."""
    channels, steps, _ = input_shape
    size = math.prod(input_shape)
    return [Layer(STEPS, size, channels, steps=steps)] if channels > 1 else []


def _recurrent(module: nn.Module, size: int) -> list[Layer]:
    """A layer that reads ``size`` values step by step."""
    assert isinstance(module, StackedRecurrent)
    _, inputs, wide = module.weight.shape
    units, steps = module.recurrent.shape[1], size // inputs
    kind = {1: ELMAN, 3: GRU, 4: LSTM}[wide // units]
    return [
        Layer(
            kind, units if module.last else steps * units, inputs, steps=steps, last=module.last,
            weight=module.weight.detach(), bias=module.bias.detach(),
            recurrent=module.recurrent.detach(), recurrent_bias=module.recurrent_bias.detach(),
        )
    ]  # fmt: skip


def _norm(module: nn.Module, size: int) -> list[Layer]:
    layer = module.layer if isinstance(module, OverChannels) else None
    if not isinstance(layer, StackedBatchNorm) or layer.weight.shape[1] != size:
        raise CannotCompileError(type(layer).__name__)
    return [
        Layer(
            NORM, size, number=layer.eps, momentum=layer.momentum or 0.0,
            weight=layer.weight.detach(), bias=layer.bias.detach(),
            mean=layer.running_mean, variance=layer.running_var,
        )
    ]  # fmt: skip


def _dropout(module: nn.Module, size: int) -> list[Layer]:
    assert isinstance(module, SeededDropout)
    return [Layer(DROPOUT, size, number=float(module.dropped))] if module.dropped else []


def _activation(kind: int, number: str | None = None) -> Rows:
    """An activation with at most one parameter, the attribute ``number``."""

    def row(module: nn.Module, size: int) -> list[Layer]:
        if getattr(module, "approximate", "none") != "none":
            raise CannotCompileError("GELU by tanh")
        return [Layer(kind, size, number=float(getattr(module, number)) if number else 0.0)]

    return row


LAYERS: Mapping[type[nn.Module], Rows] = {
    StackedLinear: _dense,
    StackedGru: _recurrent,
    StackedFused: _recurrent,
    OverChannels: _norm,
    SeededDropout: _dropout,
    nn.ReLU: _activation(RELU),
    nn.Sigmoid: _activation(SIGMOID),
    nn.Tanh: _activation(TANH),
    nn.LeakyReLU: _activation(LEAKY_RELU, "negative_slope"),
    nn.ELU: _activation(ELU, "alpha"),
    nn.GELU: _activation(GELU),
    nn.SiLU: _activation(SILU),
}


def layers_of(body: nn.Module, input_shape: tuple[int, ...]) -> list[Layer]:
    """The rows of a stacked network whose layers see flat samples or steps; CannotCompileError if it has others."""
    found: list[Layer] = []
    flat, size = len(input_shape) == 1, math.prod(input_shape)
    for module in _parts(body):
        if type(module) is nn.Flatten:
            flat = True
        elif type(module) is Steps:
            found += [] if flat else _steps(input_shape)
            flat = True
        elif flat:
            _add(found, module, size)
        else:
            raise CannotCompileError(type(module).__name__)
    if not found or found[-1].kind != LINEAR:
        raise CannotCompileError("a last layer that is not dense")
    return found


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    if module._forward_hooks or module._forward_pre_hooks:  # noqa: SLF001 - no public way to ask
        raise CannotCompileError(f"{type(module).__name__} with a hook, which would see nothing")
    if type(module) is nn.Sequential:
        for part in module:
            yield from _parts(part)
    else:
        yield module


def _add(found: list[Layer], module: nn.Module, size: int) -> None:
    """Append a module's rows; ``size`` is the width of a sample."""
    width = found[-1].outputs if found else size
    if type(module) is SkipBlock:
        start = len(found)
        found.append(Layer(SKIP, width))
        for part in _parts(module.body):
            _add(found, part, size)
        found.append(Layer(JOIN, width, partner=start))
    elif type(module) in LAYERS:
        found += LAYERS[type(module)](module, width)
    else:
        raise CannotCompileError(type(module).__name__)
