"""Image models and their steps: torchvision's published counts, torch's own optimiser, hand-counted layers."""

from __future__ import annotations

import math
import weakref

import pytest
import torch
import torchvision
from tiny_images import SIDE, Helped
from torch.nn.functional import cross_entropy

from nnbench.errors import NnbenchError
from nnbench.experiments.speed.declared import NATIVE_RESOLUTION
from nnbench.experiments.speed.image_models import (
    Entry,
    InferenceSteps,
    TrainingSteps,
    build,
    describe,
    training_loss,
)

CPU = torch.device("cpu")


def entry_of(level: str, *, batch_size: int = 6) -> Entry:
    model = f"tiny_images:{level}"
    return Entry(
        name=level,
        model=model,
        resolution=SIDE,
        batch_size=batch_size,
        described=describe(model, SIDE, training=True),
    )


def test_a_step_of_classifying_computes_logits_and_no_gradients() -> None:
    steps = InferenceSteps(entry_of("Tiny"), seed=0, device=CPU)
    steps()
    assert steps.last.shape == (6, 5)
    assert steps.last.is_inference()


def test_training_steps_are_those_of_torchs_sgd() -> None:
    steps = TrainingSteps(entry_of("Helped"), seed=0, device=CPU, lr=0.1, momentum=0.9)
    oracle = Helped()
    oracle.load_state_dict(steps.network.state_dict())
    optimizer = torch.optim.SGD(oracle.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        steps()
        optimizer.zero_grad()
        main, other = oracle(steps.images)
        loss = cross_entropy(main, steps.labels) + 0.4 * cross_entropy(other, steps.labels)
        loss.backward()
        optimizer.step()
        torch.testing.assert_close(steps.last, loss.detach())
    torch.testing.assert_close(steps.network.state_dict(), oracle.state_dict())
    assert sum(p.grad is not None for p in steps.network.parameters()) == 0


def test_images_are_standard_normal_and_belong_to_the_seed() -> None:
    images = [InferenceSteps(entry_of("Tiny", batch_size=400), seed=seed, device=CPU).images
              for seed in (0, 0, 1)]  # fmt: skip
    assert images[0].shape == (400, 3, SIDE, SIDE)
    assert images[0].mean().item() == pytest.approx(0.0, abs=0.03)
    assert images[0].std().item() == pytest.approx(1.0, abs=0.03)
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_uniform_guesses_cost_ln_c_and_auxiliary_ones_two_fifths_of_it() -> None:
    logits, labels = torch.zeros(4, 10), torch.arange(4)
    assert training_loss(logits, labels).item() == pytest.approx(math.log(10))
    pair = training_loss((logits, logits), labels).item()
    assert pair == pytest.approx(1.4 * math.log(10))


def test_a_multiplication_and_an_addition_are_two_operations() -> None:
    """5 x 5 outputs of 8 channels, each a sum of 3 * 3 * 3 products."""
    assert describe("tiny_images:Convolution", 5, training=True).flops == 2 * 5 * 5 * 8 * 27
    assert describe("tiny_images:Tiny", SIDE, training=True).flops == 2 * 48 * 5


WEIGHTS = {
    "alexnet": 61_100_840,
    "inception_v3": 27_161_264,
    "mobilenet_v2": 3_504_872,
    "resnet50": 25_557_032,
    "vgg16": 138_357_544,
}


@pytest.mark.parametrize(("model", "parameters"), WEIGHTS.items())
def test_parameters_and_operations_are_those_that_torchvision_publishes(
    model: str, parameters: int
) -> None:
    """Its weights' documentation states billions of multiply-adds, rounded to three digits."""
    described = describe(model, NATIVE_RESOLUTION[model], training=True)
    published = torchvision.models.get_model_weights(model).DEFAULT.meta
    assert described.parameters == published["num_params"] == parameters
    assert described.flops / 2e9 == pytest.approx(published["_ops"], abs=0.0006)
    assert described.classes == 1_000
    assert described.auxiliary == (model == "inception_v3")


@pytest.mark.parametrize("model", NATIVE_RESOLUTION)
def test_native_resolutions_are_those_of_torchvisions_own_evaluation(model: str) -> None:
    transforms = torchvision.models.get_model_weights(model).DEFAULT.transforms()
    assert transforms.crop_size == [NATIVE_RESOLUTION[model]]


@pytest.mark.parametrize("model", ["squeezenet1_0", "inception_v3"])
def test_torchvisions_models_leave_the_memory_by_themselves(model: str) -> None:
    alive = weakref.ref(build(model))
    assert alive() is None


def test_an_unknown_model_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(NnbenchError, match="did you mean 'resnet50'"):
        build("resnet5O")


def test_a_model_classifies_images_that_are_too_small_for_its_auxiliary_classifiers() -> None:
    small = describe("inception_v3", 224, training=False)
    assert small.flops < describe("inception_v3", 299, training=True).flops
    assert small.auxiliary == 0
