"""What the plan knows of each model: options, shapes and cost, against the modules themselves."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from small_models import CLASSES, COLOURS, IMAGE, SIGNAL, SMALL, made
from tiny_training import settings_of
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models as torchvision_models

from nnbench.engine.train import parameters_each
from nnbench.errors import NnbenchError
from nnbench.models.costs import ZOO, cost_of
from nnbench.models.facts import OPTIONS, SMALLEST_SIDE, check_model
from nnbench.registry import MODELS
from nnbench.settings import Settings

ROOT = Path(__file__).parent.parent
every_small = pytest.mark.parametrize("case", SMALL)
every_shape = pytest.mark.parametrize("shape", [IMAGE, COLOURS, SIGNAL], ids=str)


def measured(settings: Settings, shape: tuple[int, ...], classes: int) -> tuple[int, float]:
    """Parameters and multiply-adds by PyTorch's own counter, on tensors without content."""
    with torch.device("meta"):
        model = made(settings, shape, 0, classes).eval()
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, *shape))
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops() / 2


@every_shape
@every_small
def test_a_small_model_costs_what_is_declared(case: str, shape) -> None:
    settings = settings_of(**SMALL[case])
    parameters, macs = measured(settings, shape, CLASSES)
    cost = cost_of(settings, shape, CLASSES)
    assert cost.parameters == parameters
    assert parameters_each(settings, input_shape=shape, classes=CLASSES) == parameters
    assert cost.macs == pytest.approx(macs, rel=0.02)


@pytest.mark.parametrize("model", ZOO)
def test_the_table_of_large_models_is_what_pytorch_counts(model: str) -> None:
    counted = runpy.run_path(str(ROOT / "benchmarks/model_costs.py"))["counted"]
    assert ZOO[model] == counted(model), "renew it: python benchmarks/model_costs.py"


LARGE = [(model, {}, (3, 224, 224), 0.02) for model in ZOO if model != "inception_v3"]
LARGE += [(model, {"resize": 224}, IMAGE, 0.02) for model in ZOO if model != "inception_v3"]
LARGE += [("inception_v3", {}, (3, 299, 299), 0.02), ("inception_v3", {"resize": 299}, IMAGE, 0.02)]
# at other sides an estimate, where borders without padding weigh more on smaller maps
ROUGH = {"alexnet": 0.3, "inception_v3": 0.8}
LARGE += [(model, {"resize": 96}, COLOURS, ROUGH.get(model, 0.02)) for model in ZOO]
LARGE += [(model, {}, (3, 128, 192), ROUGH.get(model, 0.02)) for model in ZOO]


@pytest.mark.parametrize(("model", "options", "shape", "share"), LARGE)
def test_a_large_model_costs_what_is_declared(model: str, options, shape, share: float) -> None:
    settings = Settings(model=model, model_options=options)
    parameters, macs = measured(settings, shape, 10)
    cost = cost_of(settings, shape, 10)
    assert cost.parameters == parameters
    assert cost.macs == pytest.approx(macs, rel=share)


@pytest.mark.parametrize(
    ("model", "side", "parameters", "giga_macs"),
    [  # num_params and _ops in the metadata of torchvision's weights
        ("resnet50", 224, 25_557_032, 4.089),
        ("vgg16", 224, 138_357_544, 15.470),
        ("alexnet", 224, 61_100_840, 0.714),
        ("mobilenet_v2", 224, 3_504_872, 0.301),
        ("inception_v3", 299, 23_834_568, 5.713),  # without the auxiliary classifier
    ],
)
def test_large_models_cost_what_torchvision_says(
    model: str, side: int, parameters: int, giga_macs: float
) -> None:
    cost = cost_of(Settings(model=model), (3, side, side), 1000)
    assert cost.parameters == parameters
    assert cost.macs / 1e9 == pytest.approx(giga_macs, abs=1e-3)


def test_every_registered_model_is_declared() -> None:
    assert set(OPTIONS) == set(MODELS)
    assert set(ZOO) == set(SMALLEST_SIDE)
    for model, weights in {
        "resnet50": torchvision_models.ResNet50_Weights,
        "vgg16": torchvision_models.VGG16_Weights,
        "alexnet": torchvision_models.AlexNet_Weights,
        "inception_v3": torchvision_models.Inception_V3_Weights,
        "mobilenet_v2": torchvision_models.MobileNet_V2_Weights,
    }.items():
        assert weights.DEFAULT.meta["min_size"] == (SMALLEST_SIDE[model],) * 2


def test_declarations_are_read_without_torch() -> None:
    code = "import sys, nnbench.models.costs; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_model_of_the_users_own_counts_as_an_mlp_and_takes_any_option() -> None:
    own = settings_of(model="tiny_training:skip", hidden=[6, 5], model_options={"any": 1})
    check_model(own, (2, 2))
    assert cost_of(own, IMAGE, CLASSES) == cost_of(settings_of(**SMALL["mlp"]), IMAGE, CLASSES)


@pytest.mark.parametrize(
    ("model", "options", "shape", "message"),
    [
        ("mlp", {"nrom": "batch"}, SIGNAL, "did you mean 'norm'"),
        ("mlp", {"norm": "bach"}, SIGNAL, "did you mean 'batch'"),
        ("mlp", {"skip": 1}, SIGNAL, "true or false"),
        ("mlp", {"norm": True}, SIGNAL, "none"),
        ("cnn", {"width": 2.5}, SIGNAL, "a whole number"),
        ("cnn", {"width": True}, SIGNAL, "a whole number"),
        ("cnn", {"blocks": 0}, SIGNAL, "1 or more"),
        ("cnn", {"kernel": 4}, SIGNAL, "an odd number"),
        ("cnn", {"pooling": "mean"}, SIGNAL, "average"),
        ("cnn", {"blocks": 4}, SIGNAL, "sides of at least 16"),
        ("cnn", {}, (1, 3, 40), "sides of at least 4"),
        ("cnn", {}, (4, 4), "wrong shape"),
        ("lstm", {"units": 3}, SIGNAL, "it has none"),
        ("gru", {}, (4, 4), "wrong shape"),
        ("resnet50", {"resize": -1}, IMAGE, "0 or more"),
        ("resnet50", {}, SIGNAL, "wrong shape"),
        ("resnet50", {}, (2, 32, 32), "1 or 3"),
        ("vgg16", {}, (1, 31, 40), "at least 32"),
        ("vgg16", {"resize": 31}, IMAGE, "at least 32"),
        ("alexnet", {}, (1, 28, 28), "at least 63"),
        ("inception_v3", {}, (1, 74, 74), "at least 75"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_plan_and_by_the_builder(
    model: str, options: dict[str, Any], shape: tuple[int, ...], message: str
) -> None:
    settings = Settings(model=model, model_options=options)
    with pytest.raises(NnbenchError, match=message):
        check_model(settings, shape)
    with pytest.raises(NnbenchError, match=message):
        made(settings, shape, 0)


@pytest.mark.parametrize("model", ["lstm", "gru"])
def test_a_recurrent_network_without_units_is_refused(model: str) -> None:
    settings = settings_of(model=model, hidden=[])
    for call in (lambda: check_model(settings, SIGNAL), lambda: made(settings, SIGNAL, 0)):
        with pytest.raises(NnbenchError, match="needs a hidden layer"):
            call()
