"""Own parts are built and used once before anything is trained; what is wrong with them is a sentence."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from made_up_plan import claim, planned

from nnbench.errors import NnbenchError
from nnbench.plan import trial
from nnbench.plan.plan import Plan

PARTS = """
import ctypes, math, os, sys, time, urllib.request
import numpy as np
import torch
from torch import nn
from nnbench.datasets.base import Arrays, Dataset

def net(spec):
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(spec.input_shape), spec.classes))
def good(spec, generator):
    return net(spec)
def loud(spec, generator):
    print("[" * 100_000)
    return net(spec)
def endless(spec, generator):
    os.set_inheritable(2, True)
    for _ in range(30_000):
        os.write(2, b"y" * 10_000)
    return net(spec)
class Specified(nn.Module):
    def __init__(self, s=None, g=None):
        super().__init__()
        self.body = net(s)
    def forward(self, x):
        return self.body(x)
def hangs(spec, generator):
    time.sleep(3600)
def crashes(spec, generator):
    ctypes.string_at(0)
def leaves(spec, generator):
    sys.exit(3)
def leaves_at_once(spec, generator):
    os._exit(0)
def downloads(spec, generator):
    urllib.request.urlopen("http://127.0.0.1:9/weights.pt")
def wide(spec, generator):
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(spec.input_shape), 7))
def one_argument(spec):
    return net(spec)
def raises(spec, generator):
    return {}["weights"]
class Plain(nn.Module):
    def __init__(self, inputs=13, classes=3):
        super().__init__()
        self.layer = nn.Linear(inputs, classes)
    def forward(self, x):
        return self.layer(x)
class Sized(Plain):
    def __init__(self, inputs, classes):
        super().__init__(inputs, classes)
class Normed(Plain):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(13)
    def forward(self, x):
        return self.layer(self.norm(x))
def stacked_norm(spec, generator):
    return nn.Sequential(nn.BatchNorm1d(13), nn.Linear(13, 3))
class Narrow(nn.Module):
    def forward(self, x):
        return x[..., :1]
def no_optimizer(parameters, settings):
    return None
def bad_optimizer(parameters, settings):
    raise RuntimeError("no such thing")
def draw(n, *, seed, stream):
    return Arrays(inputs=np.zeros((n, 5), np.float32), labels=np.arange(n) % 2)
DATA = Dataset(
    name="mine:DATA", title="T", source="s", licence="l", input_shape=(4,), class_names=("a", "b"),
    scaling="feature", train_size=50, validation_size=20, test_size=20, draw=draw,
)
"""
BUILD = "build(spec, generator) -> torch.nn.Module, or a class that needs no argument (config/README.md)"
ACTIVATION = "activation() -> torch.nn.Module that keeps its input's shape (config/README.md)"
OPTIMIZER = (
    "function(parameters, settings, **optimizer_options) -> torch.optim.Optimizer, or a subclass "
    "of it (config/README.md)"
)
DRAW = "draw(n, *, seed, stream) -> nnbench.datasets.base.Arrays of n samples (config/README.md)"
BUILDING = "failed when it was called as build(spec, generator)"
STEPPING = "failed when it was called as function(parameters, settings) and stepped once"
BACK = "the process that tries {} once does not come back"
LAST = "failed on the last batch of an epoch, of 1 × (13,)"
MORE = "ValueError: Expected more than 1 value per channel when training, got input size torch.Size([1, 13])"
SPLIT = {"train_size": 33, "batch_size": 32}  # the last batch of an epoch has one sample

# settings of a level -> what, got, allowed, todo; lines of the own file as L
REFUSED: dict[str, tuple[dict[str, Any], tuple[str, str | None, str | None, str | None]]] = {
    "crash": (
        {"model": "mine:crashes"},
        (BACK.format("model 'mine:crashes'"), "killed by signal 11", None,
         "see what the part does when it is imported, built and called"),
    ),
    "exit": ({"model": "mine:leaves"}, (f"model 'mine:leaves' {BUILDING}", "SystemExit: 3 L", BUILD, None)),
    "exit without a word": (
        {"model": "mine:leaves_at_once", "activation": "torch.nn:Softplus"},
        (BACK.format("model 'mine:leaves_at_once' and activation 'torch.nn:Softplus'"),
         "it ended without a word", None, "see what the part does when it is imported, built and called"),
    ),
    "network": (
        {"model": "mine:downloads"},
        (f"model 'mine:downloads' {BUILDING}",
         "URLError: <urlopen error it asks for the network, which there is none of while it is tried> L",
         BUILD, None),
    ),
    "shape": (
        {"model": "mine:wide"},
        ("model 'mine:wide' has an output of the wrong shape", "(2, 7) for a batch of 2",
         "(2, 3): one row per sample, one value per class (or one number)",
         "choose a model that is made for this dataset, or correct its builder"),
    ),
    "signature": (
        {"model": "mine:one_argument"},
        (f"model 'mine:one_argument' {BUILDING}",
         "TypeError: one_argument() takes 1 positional argument but 2 were given", BUILD, None),
    ),
    "error": (
        {"model": "mine:raises"}, (f"model 'mine:raises' {BUILDING}", "KeyError: 'weights' L", BUILD, None),
    ),
    "class that needs sizes": (
        {"model": "mine:Sized"},
        (f"model 'mine:Sized' {BUILDING}",
         ("TypeError: empty(): argument 'size' (position 1) must be tuple of ints, but found element of "
         "type torch._C.Generator at pos 0 L"), BUILD,
         ("write `def build(spec, generator): return Sized(…)` in a module of yours, with its sizes from "
         "spec.input_shape and spec.classes, and name that")),
    ),
    "torchvision for other data": (
        {"model": "torchvision.models:resnet18"},
        ("model 'torchvision.models:resnet18' does not accept samples of shape (13,)",
         "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [2, 13]", None,
         "choose a model that is made for this dataset, or correct its builder"),
    ),
    "batch of one": (
        {"model": "mine:Normed", **SPLIT},
        (f"model 'mine:Normed' {LAST}", f"{MORE} L", BUILD, "choose another batch_size or train_size"),
    ),
    "stacked batch of one": (
        {"model": "mine:stacked_norm", **SPLIT},
        (f"model 'mine:stacked_norm' {LAST}", MORE, BUILD, "choose another batch_size or train_size"),
    ),
    "activation": (
        {"activation": "mine:Narrow"},
        ("activation 'mine:Narrow' failed when it was called as activation()",
         "ValueError: (2, 3) became (2, 1)", ACTIVATION, None),
    ),
    "no optimizer": (
        {"optimizer": "mine:no_optimizer"},
        ("optimizer 'mine:no_optimizer' has no step and no state_dict and no load_state_dict", "NoneType",
         "a torch.optim.Optimizer, or an object with step, state_dict, load_state_dict",
         "return one of these from the function"),
    ),
    "optimizer": (
        {"optimizer": "mine:bad_optimizer"},
        (f"optimizer 'mine:bad_optimizer' {STEPPING}", "RuntimeError: no such thing L", OPTIMIZER, None),
    ),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(PARTS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(trial.__file__).parents[2]}")
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return tmp_path


def plan_of(folder: Path, dataset: str = "wine", **settings: Any) -> Plan:
    levels = {"other": {"lr": 0.5}, "own": settings}
    return planned(
        folder,
        claim(datasets={dataset: {}}, levels=levels, claimed=None, kind="differs", margin=0.05),
    )


@pytest.mark.parametrize("name", REFUSED)
def test_a_part_that_cannot_be_used_is_refused_before_anything_is_trained(
    name: str, folder: Path
) -> None:
    settings, expected = REFUSED[name]
    with pytest.raises(NnbenchError) as raised:
        trial.check_own_parts(plan_of(folder, **settings))
    error = raised.value
    line = rf"\({re.escape(str(folder / 'mine.py'))}, line \d+\)"
    told = (error.what, error.got, error.allowed, error.todo)
    found = tuple(text and re.sub(line, "L", str(text)) for text in told)
    what, *others = expected
    assert found == (f"paper/c0/wine/as-written: level 'own': {what}", *others)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "mine:good"}, {"model": "mine:loud"}, {"model": "mine:endless"},
        {"model": "mine:Plain"}, {"model": "mine:Specified"},
        {"activation": "torch.nn:Softplus"}, {"optimizer": "torch.optim:AdamW"},
        {"model": "mine:stacked_norm", "train_size": 34},
    ],
)  # fmt: skip
def test_what_works_passes(settings: dict[str, Any], folder: Path) -> None:
    trial.check_own_parts(plan_of(folder, **settings))


def test_a_builder_of_torchvision_is_called_without_weights_and_with_the_classes(
    tmp_path: Path, folder: Path
) -> None:
    module = "from torchvision.models import resnet18\nfrom torch import nn\n"
    module += (
        "def coloured(*, weights='downloads', num_classes=1000):\n    assert weights is None\n"
    )
    module += "    return nn.Sequential(nn.Conv2d(1, 3, 1), resnet18(num_classes=num_classes))\n"
    (tmp_path / "vision.py").write_text(module, encoding="utf-8")
    trial.check_own_parts(plan_of(folder, "digits", model="vision:coloured"))


def test_the_first_level_that_fails_is_named_first(folder: Path) -> None:
    levels = {"one": {"model": "mine:wide"}, "two": {"model": "mine:raises"}}
    plan = planned(
        folder,
        claim(datasets={"wine": {}}, levels=levels, claimed=None, kind="differs", margin=0.05),
    )
    with pytest.raises(NnbenchError, match="level 'one'"):
        trial.check_own_parts(plan)


def test_a_part_that_hangs_ends_with_the_limit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "TIMEOUT_SECONDS", 8.0)
    with pytest.raises(NnbenchError, match=r"model 'mine:hangs' .* does not come back") as raised:
        trial.check_own_parts(plan_of(folder, model="mine:hangs"))
    assert raised.value.got == "ended after 8 s without an answer"


def test_samples_of_an_own_dataset_are_those_that_it_declares(folder: Path) -> None:
    with pytest.raises(NnbenchError) as raised:
        trial.check_own_parts(plan_of(folder, "mine:DATA"))
    assert raised.value.what.endswith(
        "dataset 'mine:DATA' failed when a sample was drawn as draw(2, seed=0, stream='train')"
    )
    assert raised.value.allowed == DRAW
    assert str(raised.value.got).startswith("ValueError: the inputs' shape is (2, 5), for (4,)")


def test_a_plan_without_own_parts_starts_no_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "run_children", lambda *_, **__: pytest.fail("started"))
    trial.check_own_parts(plan_of(folder, lr=0.1))
