"""Random affine transformations of a batch of images, with separate parameters for each sample.

Transformations, ranges and order are those of Keras' ImageDataGenerator with ``fill_mode="nearest"``: output
pixels map to input pixels by rotation · shift · shear · zoom about the image's centre, with bilinear
interpolation; the mirror comes last.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from nnbench.settings import Augment

DRAWS = 7  # rotation, row shift, column shift, shear, row zoom, column zoom, flip


def augment(images: Tensor, uniforms: Tensor, how: Augment) -> Tensor:
    """Transform a batch (N, C, H, W); ``uniforms`` are draws from U(0, 1), (N, 7), on the same device."""
    matrix, offset = pixel_maps(uniforms, how, height=images.shape[2], width=images.shape[3])
    return warp(images, matrix, offset, outside="border")


def warp(
    images: Tensor, matrix: Tensor, offset: Tensor, *, outside: Literal["border", "zeros"]
) -> Tensor:
    """Sample (N, C, H, W) bilinearly; outside is the nearest edge (``border``) or 0 (``zeros``)."""
    grid = _sampling_grid(matrix, offset, height=images.shape[2], width=images.shape[3])
    return nn.functional.grid_sample(images, grid, padding_mode=outside, align_corners=True)


def pixel_maps(uniforms: Tensor, how: Augment, *, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Maps input = matrix @ (output - centre) + centre + offset: (N, 2, 2) and (N, 2), in (row, column)."""
    signed = 2.0 * uniforms - 1.0
    angle = torch.deg2rad(signed[:, 0] * how.rotation_degrees)
    shear = torch.deg2rad(signed[:, 3] * how.shear_degrees)
    # Keras composes in (x, y): column first
    shift = torch.stack([signed[:, 2] * width, signed[:, 1] * height], dim=1) * how.shift_fraction
    zoom = 1.0 + signed[:, 4:6].flip(1) * how.zoom_fraction
    one, zero = torch.ones_like(angle), torch.zeros_like(angle)
    rotation = _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
    sheared = _matrix(one, -shear.sin(), zero, shear.cos())
    matrix = (rotation @ sheared @ torch.diag_embed(zoom)).flip(1, 2)
    offset = (rotation @ shift.unsqueeze(-1)).squeeze(-1).flip(1)
    if how.horizontal_flip:
        flip = torch.where(uniforms[:, 6] < 0.5, -1.0, 1.0)
        matrix = matrix @ torch.diag_embed(torch.stack([one, flip], dim=1))
    return matrix, offset


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.stack([torch.stack([a, b], dim=1), torch.stack([c, d], dim=1)], dim=1)


def _sampling_grid(matrix: Tensor, offset: Tensor, *, height: int, width: int) -> Tensor:
    """The map in the form that grid_sample expects: (N, H, W, 2) in (x, y), scaled to [-1, 1]."""
    # in units of half an image; plain floats, because copying a tensor to a GPU would block
    half_height, half_width = (height - 1) / 2, (width - 1) / 2
    ratio = half_height / half_width
    x = [matrix[:, 1, 1], matrix[:, 1, 0] * ratio, offset[:, 1] / half_width]
    y = [matrix[:, 0, 1] / ratio, matrix[:, 0, 0], offset[:, 0] / half_height]
    theta = torch.stack([torch.stack(x, dim=1), torch.stack(y, dim=1)], dim=1)
    return nn.functional.affine_grid(theta, [matrix.shape[0], 1, height, width], align_corners=True)
