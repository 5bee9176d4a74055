"""Random affine transformations of whole batches of images, each sample with its own parameters.

The transformations, their ranges and their order are those of Keras' ImageDataGenerator with
``fill_mode="nearest"``: output pixel -> input pixel by rotation · shift · shear · zoom about the
image's centre, bilinear interpolation, then the mirror.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nnbench.settings import Augment

DRAWS = 7  # rotation, row shift, column shift, shear, row zoom, column zoom, flip


def augment(images: Tensor, uniforms: Tensor, how: Augment) -> Tensor:
    """Transform a batch.

    Args:
        images: (N, C, H, W).
        uniforms: (N, 7) draws from U(0, 1), one row per sample, on the images' device.
        how: The ranges.

    Returns:
        (N, C, H, W).
    """
    matrix, offset = pixel_maps(uniforms, how, height=images.shape[2], width=images.shape[3])
    return warp(images, matrix, offset, outside="border")


def warp(
    images: Tensor, matrix: Tensor, offset: Tensor, *, outside: Literal["border", "zeros"]
) -> Tensor:
    """Sample each image (N, C, H, W) bilinearly where its map (see ``pixel_maps``) says.

    Outside the image lies its nearest edge (``border``) or 0 (``zeros``).
    """
    grid = _sampling_grid(matrix, offset, height=images.shape[2], width=images.shape[3])
    return nn.functional.grid_sample(images, grid, padding_mode=outside, align_corners=True)


def pixel_maps(uniforms: Tensor, how: Augment, *, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The affine map from output to input pixels, in (row, column), about the centre.

    Returns:
        Matrices (N, 2, 2) and offsets (N, 2): input = matrix @ (output - centre) + centre + offset.
    """
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
    """The map as grid_sample wants it: (N, H, W, 2) in (x, y), scaled to [-1, 1]."""
    # in units of half an image; numbers, not a tensor: copying one to a GPU would wait for it
    half_height, half_width = (height - 1) / 2, (width - 1) / 2
    ratio = half_height / half_width
    x = [matrix[:, 1, 1], matrix[:, 1, 0] * ratio, offset[:, 1] / half_width]
    y = [matrix[:, 0, 1] / ratio, matrix[:, 0, 0], offset[:, 0] / half_height]
    theta = torch.stack([torch.stack(x, dim=1), torch.stack(y, dim=1)], dim=1)
    return nn.functional.affine_grid(theta, [matrix.shape[0], 1, height, width], align_corners=True)
