"""Adversarial attacks: images changed as little as a limit allows, so that a trained network errs on them."""

import torch
from torch import Tensor, nn

from nnbench.engine.data import Bank
from nnbench.engine.objectives import Objective
from nnbench.sections import Shift

STEP = 2.5  # limits that all steps together could go (Madry et al. 2018, section 5)
PASS = 64  # samples per replicate whose activations are held for a gradient


def attacked(
    model: nn.Module, bank: Bank, objective: Objective, images: Tensor, targets: Tensor, how: Shift
) -> Tensor:
    """Images (S, B, C, H, W) in [0, 1], each value moved by at most ``how.attack`` to raise the loss of its replicate.

    One step is the fast gradient sign method of Goodfellow et al. (2015), more are projected gradient ascent
    (Madry et al. 2018) from the images themselves. ``model`` is in evaluation mode, and stays as it is.
    """
    parts = zip(images.split(PASS, dim=1), targets.split(PASS, dim=1), strict=True)
    return torch.cat([_ascended(model, bank, objective, *part, how) for part in parts], dim=1)


def _ascended(
    model: nn.Module, bank: Bank, objective: Objective, images: Tensor, targets: Tensor, how: Shift
) -> Tensor:
    limit, steps = how.attack, how.attack_steps
    step = limit if steps == 1 else STEP * limit / steps
    low, high = (images - limit).clamp_min(0.0), (images + limit).clamp_max(1.0)
    moved = images
    for _ in range(steps):
        gradient = _gradient(model, bank, objective, moved, targets)
        moved = (moved + step * gradient.sign()).clamp(low, high)
    return moved


@torch.enable_grad()
def _gradient(
    model: nn.Module, bank: Bank, objective: Objective, images: Tensor, targets: Tensor
) -> Tensor:
    """Of each sample's loss, up to a factor, with respect to its values (S, B, C, H, W)."""
    values = images.clone().requires_grad_()
    # recurrent layers of cuDNN have gradients in training mode only
    with torch.backends.cudnn.flags(enabled=False):
        outputs = model(bank.normalise(values.clone()))  # in place, hence a copy
        loss = objective.losses(outputs, targets).sum()
        (gradient,) = torch.autograd.grad(loss, values)
    return gradient
