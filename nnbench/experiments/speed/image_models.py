"""Image models from torchvision, random images for them, and one step of classifying or training."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torchvision
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from nnbench.engine.optim import sgd
from nnbench.engine.seeding import generator
from nnbench.errors import unknown_name
from nnbench.registry import load
from nnbench.settings import Settings

# Of each auxiliary classifier's loss, as in TensorFlow-Slim's train_image_classifier.py and PyTorch's
# fine-tuning tutorial, both for InceptionV3.
AUXILIARY_WEIGHT = 0.4
INITIALISED = (
    "inception_v3",
    "googlenet",
)  # take a flag that is on by default, and warn without it


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A model's size, the same on every machine."""

    parameters: int  # including auxiliary classifiers
    flops: int  # one image's forward pass: 2 per multiply-add of convolutions and products
    classes: int  # number of logits
    auxiliary: int  # further classifiers, whose logits it returns in training only


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is timed: a model at a resolution (pixels per side) and a batch size."""

    name: str
    model: str
    resolution: int
    batch_size: int
    described: Described


def build(model: str) -> nn.Module:
    """A torchvision model without trained weights, or what ``module:object`` makes; else NnbenchError."""
    if ":" in model:
        own: nn.Module = load("models", model, {})()
        return own
    names = torchvision.models.list_models(module=torchvision.models)
    if model not in names:
        raise unknown_name("models", model, names)
    flags = {"init_weights": True} if model in INITIALISED else {}
    made: nn.Module = torchvision.models.get_model(model, weights=None, **flags)
    return made


def describe(model: str, resolution: int, *, training: bool) -> Described:
    """Count on PyTorch's meta device, where tensors have shapes but no values.

    Auxiliary classifiers are counted for ``training`` alone: they may need larger images than the rest.
    """
    with torch.device("meta"), torch.no_grad():
        network = build(model).eval()
        images = torch.empty(2, 3, resolution, resolution)  # normalisation trains on two or more
        with FlopCounterMode(display=False) as counter:
            logits = network(images[:1])
        trained = network.train()(images) if training else logits
    return Described(
        parameters=sum(p.numel() for p in network.parameters()),
        flops=counter.get_total_flops(),
        classes=logits.shape[-1],
        auxiliary=0 if isinstance(trained, Tensor) else len(trained) - 1,
    )


class Steps(ABC):
    """A model with one batch of random images; ``last`` shows whether it still computes finite numbers."""

    training: bool  # the model's mode

    def __init__(self, entry: Entry, *, seed: int, device: torch.device) -> None:
        self.network = build(entry.model).to(device).train(self.training)
        side = entry.resolution
        # normalised photographs have mean 0 and standard deviation 1; the data of a block come from "split"
        drawn = torch.randn(entry.batch_size, 3, side, side, generator=generator(seed, "split"))
        self.images = drawn.to(device)
        self.last = torch.zeros(())

    @abstractmethod
    def __call__(self) -> None:
        """Compute the batch once."""


class InferenceSteps(Steps):
    """Logits, in evaluation mode."""

    training = False

    @torch.inference_mode()
    def __call__(self) -> None:
        """(B, 3, R, R) -> (B, classes)."""
        self.last = self.network(self.images)


class TrainingSteps(Steps):
    """Forward, backward and update by SGD with momentum, with random labels."""

    training = True

    def __init__(
        self, entry: Entry, *, seed: int, device: torch.device, lr: float, momentum: float
    ) -> None:
        super().__init__(entry, seed=seed, device=device)
        labels = torch.randint(
            entry.described.classes, (entry.batch_size,), generator=generator(seed, "order")
        )
        self.labels = labels.to(device)
        self.lr = lr
        self.update = sgd(self.network.parameters(), Settings(optimizer="sgd", momentum=momentum))

    def __call__(self) -> None:
        """One step on the mean loss of the batch."""
        loss = training_loss(self.network(self.images), self.labels)
        loss.backward()
        self.update.step(self.lr)
        self.last = loss.detach()


def training_loss(output: Tensor | tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Cross-entropy, plus 0.4 times each auxiliary classifier's if the model returns those too."""
    if isinstance(output, Tensor):
        return cross_entropy(output, labels)
    main, *others = (cross_entropy(logits, labels) for logits in output)
    return main + AUXILIARY_WEIGHT * sum(others, start=torch.zeros_like(main))
