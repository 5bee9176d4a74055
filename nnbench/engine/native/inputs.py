"""Samples as the compiled code reads them: by their values other than 0, and augmented images."""

from ctypes import c_int64, c_void_p
from dataclasses import dataclass

import torch
from torch import Tensor

from nnbench.engine.native.build import Native

NonZeros = tuple[Tensor, Tensor, Tensor]
FIRST = 64  # samples, as in step.cpp


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples (N, ...) and, if these are few, their values other than 0."""

    inputs: Tensor
    sparse: NonZeros | None = None


def nonzeros_of(inputs: Tensor, code: Native) -> NonZeros | None:
    """Where the values other than 0 of each sample (N, ...) start (N + 1), their columns, and these values.

    None where most are not 0, or most of the first samples': the compiled code gains nothing by knowing them.
    """
    width = inputs[0].numel()
    room = inputs.numel() // 2 + FIRST * width + 1
    starts = torch.empty(len(inputs) + 1, dtype=torch.int64)
    found = starts, torch.empty(room, dtype=torch.int32), torch.empty(room)
    sizes = map(c_int64, (len(inputs), width))
    many = code.library.nnbench_sparse(_at(inputs), *sizes, *map(_at, found))
    return None if many else found


def warped(bank: Tensor, rows: Tensor, matrix: Tensor, offset: Tensor, code: Native) -> Tensor:
    """The images at ``rows`` (N,) of a bank (M, C, H, W), each by its map: ``images.warp`` with the nearest edge outside.

    ``matrix`` (N, 2, 2) and ``offset`` (N, 2) are those of ``images.pixel_maps``.
    """
    channels, height, width = bank.shape[1:]
    images = torch.empty(len(rows), channels, height, width)
    sizes = map(c_int64, (len(rows), channels, height, width))
    maps = [rows.contiguous(), matrix.contiguous(), offset.contiguous()]
    at_rows, *by_maps = map(_at, maps)
    if code.library.nnbench_warp(_at(bank), at_rows, *sizes, *by_maps, _at(images)):
        raise MemoryError("not enough memory for an image")
    return images


def _at(tensor: Tensor) -> c_void_p:
    return c_void_p(tensor.data_ptr())
