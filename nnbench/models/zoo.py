"""torchvision's networks for ImageNet, with random weights.

Layers, dropout and initialisation are torchvision's: the only architecture setting with an effect is
``model_options.resize`` (the side to which images are enlarged, bilinearly; 0: not at all). Images with one
channel are repeated to three.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torchvision import models

from nnbench.models.base import ModelSpec


class AsImageNet(nn.Module):
    """Images in the form that these networks expect: (B, 1 or 3, H, W) -> (B, 3, side, side)."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge the image if a side is given, and repeat a grey channel."""
        if self.side:
            x = nn.functional.interpolate(x, size=(self.side, self.side), mode="bilinear")
        return x.expand(-1, 3, -1, -1)


def _network(
    make: Callable[..., nn.Module], spec: ModelSpec, generator: torch.Generator, **options: bool
) -> nn.Module:
    """(B, 1 or 3, H, W) -> (B, classes); NnbenchError for other inputs, and images that are too small."""
    side = int(spec.options_of(make.__name__)["resize"])
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # torchvision draws from the global random state
        network = make(weights=None, num_classes=spec.classes, **options)
    return nn.Sequential(AsImageNet(side), network)


resnet50 = partial(_network, models.resnet50)
"""ResNet-50 (He et al. 2016), torchvision's v1.5 with the stride in the 3 x 3 convolutions."""
vgg16 = partial(_network, models.vgg16)
"""VGG-16 without batch normalisation (Simonyan & Zisserman 2015, configuration D)."""
alexnet = partial(_network, models.alexnet)
"""AlexNet as in Krizhevsky (2014), "One weird trick"."""
inception_v3 = partial(_network, models.inception_v3, aux_logits=False, init_weights=True)
"""Inception v3 (Szegedy et al. 2016) without its auxiliary classifier.

That is a second output with its own loss, used in training only; without it the network has one output, logits,
like every other model here.
"""
mobilenet_v2 = partial(_network, models.mobilenet_v2)
"""MobileNet v2 (Sandler et al. 2018)."""
