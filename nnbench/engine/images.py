"""Changes of images, drawn for each sample: augmentation in training, and shifts of test images.

Augmentation has the transformations, ranges and order of Keras' ImageDataGenerator with
``fill_mode="nearest"``: output pixels map to input pixels by rotation · shift · shear · zoom about the image's
centre, with bilinear interpolation; the mirror comes last.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from nnbench.errors import NnbenchError
from nnbench.sections import Augment, Shift

DRAWS = 7  # rotation, row shift, column shift, shear, row zoom, column zoom, flip


def augment(images: Tensor, uniforms: Tensor, how: Augment) -> Tensor:
    """Transform a batch (N, C, H, W); ``uniforms`` are draws from U(0, 1), (N, 7), on the same device."""
    matrix, offset = pixel_maps(uniforms, how, height=images.shape[2], width=images.shape[3])
    return warp(images, matrix, offset, outside="border")


def augmented(inputs: Tensor, how: Augment, draws: Sequence[torch.Generator]) -> Tensor:
    """Transform (S, B, C, H, W); each sample uses its own replicate's draws."""
    uniforms = uniforms_of(inputs.shape[1], draws, device=inputs.device).flatten(0, 1)
    return augment(inputs.flatten(0, 1), uniforms, how).view(inputs.shape)


def uniforms_of(count: int, draws: Sequence[torch.Generator], *, device: torch.device) -> Tensor:
    """What ``augment`` needs for ``count`` images of each replicate, (S, count, 7)."""
    return torch.stack([torch.rand(count, DRAWS, generator=g, device=device) for g in draws])


def warp(
    images: Tensor, matrix: Tensor, offset: Tensor, *, outside: Literal["border", "zeros"]
) -> Tensor:
    """Sample (N, C, H, W) bilinearly; outside is the nearest edge (``border``) or 0 (``zeros``)."""
    # in units of half an image; plain floats, because copying a tensor to a GPU would block
    half_height, half_width = (images.shape[2] - 1) / 2, (images.shape[3] - 1) / 2
    ratio = half_height / half_width
    x = [matrix[:, 1, 1], matrix[:, 1, 0] * ratio, offset[:, 1] / half_width]
    y = [matrix[:, 0, 1] / ratio, matrix[:, 0, 0], offset[:, 0] / half_height]
    theta = torch.stack([torch.stack(x, dim=1), torch.stack(y, dim=1)], dim=1)
    height, width = images.shape[2:]
    across, down = (torch.linspace(-1.0, 1.0, n, device=images.device) for n in (width, height))
    start = theta[:, :, 1:2] * down + theta[:, :, 2:]  # of each row: (N, 2, H)
    grid = (theta[:, :, :1, None] * across + start.unsqueeze(-1)).permute(0, 2, 3, 1)
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


def shift_images(images: Tensor, shift: Shift, *, generator: torch.Generator) -> Tensor:
    """Shift every image of a batch (B, C, H, W), float32 in [0, 1]; returns a new batch.

    Images are rotated and moved first (as the object would be), then their contrast changes (as the light
    would), and noise comes last (as a sensor adds it).

    Pixels that move in from outside are 0: the digits and clothes of the registered datasets lie on black,
    which continues beyond the edge. Repeating the edge, as Keras' augmentation does, would draw stripes where
    an object touches it. Only the random transformations of ``augment``, which come before all else, repeat
    it: they are those of training.

    The directions are always drawn, and drawn first, so that shifts of different strengths from generators in
    the same state differ in nothing else. Draws are moved to the images' device.
    """
    shape, device = images.shape, images.device
    sides = torch.randint(0, 2, (shape[0], DRAWS), generator=generator, device=generator.device)
    if shift.augment != Augment():
        uniforms = torch.rand(shape[0], DRAWS, generator=generator, device=generator.device)
        images = augment(images, uniforms.to(device), shift.augment)
    if shift.rotation_degrees or shift.shift_fraction:
        how = Augment(rotation_degrees=shift.rotation_degrees, shift_fraction=shift.shift_fraction)
        ends = sides.to(device, torch.float32)  # of augmentation's ranges
        matrix, offset = pixel_maps(ends, how, height=shape[2], width=shape[3])
        images = warp(images, matrix, offset, outside="zeros")
    if shift.contrast < 1:
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = mean + shift.contrast * (images - mean)
    if shift.noise:
        noise = torch.randn(shape, generator=generator, device=generator.device).to(device)
        images = images + shift.noise * noise
    if shift.signs:
        ups = torch.randint(0, 2, shape, generator=generator, device=generator.device).to(device)
        images = images + shift.signs * (2.0 * ups - 1.0)
    return images.clamp(0.0, 1.0)


def check_range(images: Tensor) -> None:
    """Raise NnbenchError if any value lies outside [0, 1], black to white."""
    low, high = images.min().item(), images.max().item()
    if low < 0.0 or high > 1.0:
        raise NnbenchError(
            "shifts: images must lie within [0, 1]",
            got=f"values from {low:.4g} to {high:.4g}",
            todo="scale the images before they become a dataset (whole numbers from 0 to 255 are scaled by nnbench)",
        )
