"""Shifted test images: changes that a trained network may meet later without having seen them.

Images are rotated and moved first (as the object would be), then their contrast changes (as the light would),
and noise comes last (as a sensor adds it).
"""

import torch
from torch import Tensor

from nnbench.engine.augment import DRAWS, pixel_maps, warp
from nnbench.errors import NnbenchError
from nnbench.settings import Augment, Shift


def shift_images(images: Tensor, shift: Shift, *, generator: torch.Generator) -> Tensor:
    """Shift every image of a batch (B, C, H, W), float32 in [0, 1]; returns a new batch.

    Pixels that move in from outside are 0: the digits and clothes of the registered datasets lie on black,
    which continues beyond the edge. Repeating the edge, as Keras' augmentation does, would draw stripes where
    an object touches it.

    The directions are always drawn, and drawn first, so that shifts of different strengths from generators in
    the same state differ in nothing else. Draws are moved to the images' device.
    """
    shape, device = images.shape, images.device
    sides = torch.randint(0, 2, (shape[0], DRAWS), generator=generator, device=generator.device)
    if shift.rotation_degrees or shift.shift_fraction:
        images = _moved(images, shift, sides=sides.to(device, torch.float32))
    if shift.contrast < 1:
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = mean + shift.contrast * (images - mean)
    if shift.noise:
        noise = torch.randn(shape, generator=generator, device=generator.device).to(device)
        images = images + shift.noise * noise
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


def _moved(images: Tensor, shift: Shift, *, sides: Tensor) -> Tensor:
    """Rotate and move each image by the ends of augmentation's ranges; ``sides`` (B, 7) holds 0 and 1."""
    how = Augment(rotation_degrees=shift.rotation_degrees, shift_fraction=shift.shift_fraction)
    matrix, offset = pixel_maps(sides, how, height=images.shape[2], width=images.shape[3])
    return warp(images, matrix, offset, outside="zeros")
