"""Import, build and use parts of a user's own once, on zeros: the child process of ``plan.trial``.

Reads a list of trials from standard input, and answers each on standard output with a line of JSON: null, or
what is wrong. Whatever the parts print is dropped. No cell is measured with this module.
"""

import inspect
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nnbench.datasets.base import Arrays, Dataset
from nnbench.engine.seeding import CPU
from nnbench.engine.stacking import Replicates
from nnbench.engine.torch_optim import build_optimizer
from nnbench.engine.train import build_replicates
from nnbench.errors import NnbenchError
from nnbench.experiments.base import experiment_of
from nnbench.processes import end_with_parent
from nnbench.registry import ACTIVATIONS, DATASETS, MODELS, is_own, load
from nnbench.schema import parse
from nnbench.settings import Settings

PACKAGE = Path(__file__).parent.parent
STANDARD_LIBRARY = Path(os.__file__).parent
WANTED = {
    "model": "build(spec, generator) -> torch.nn.Module, or a class that needs no argument",
    "activation": "activation() -> torch.nn.Module that keeps its input's shape",
    "optimizer": "function(parameters, settings, **optimizer_options) -> torch.optim.Optimizer, or a subclass of it",
    "dataset": "draw(n, *, seed, stream) -> nnbench.datasets.base.Arrays of n samples",
    "experiment": "measure(request) -> nnbench.experiments.measured.Measured",
}
_INTERNET = (socket.AF_INET, socket.AF_INET6)


def main() -> None:
    """Answer the trials of standard input."""
    end_with_parent()
    answers, nowhere = os.fdopen(os.dup(1), "w"), os.open(os.devnull, os.O_WRONLY)
    trials = json.load(sys.stdin)
    sys.addaudithook(refuse_network)
    for output in (1, 2):  # parts may print without end
        os.dup2(nowhere, output)
    for trial in trials:
        print(json.dumps(answer(trial)), file=answers, flush=True)
    os._exit(0)  # whatever threads the parts have started


def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: nothing is downloaded while parts are tried."""
    connects = event == "socket.connect" and arguments[0].family in _INTERNET
    if connects or event == "socket.getaddrinfo":
        raise PermissionError("it asks for the network, which there is none of while it is tried")


def answer(trial: Mapping[str, Any]) -> dict[str, str | None] | None:
    """What is wrong with the parts of a trial, as an NnbenchError's arguments; None: nothing."""
    try:
        _try(**{**trial, "settings": parse(Settings, trial["settings"], where="trial")})
    except NnbenchError as error:
        told = {"got": error.got, "allowed": error.allowed, "todo": error.todo}
        return {
            "what": error.what,
            **{key: None if v is None else str(v) for key, v in told.items()},
        }
    return None


def _try(
    *, settings: Settings, dataset: str | None, input_shape: Sequence[int], outputs: int,
    batches: Sequence[int],
) -> None:  # fmt: skip
    if dataset is not None:
        with _calling(
            "dataset", dataset, "when a sample was drawn as draw(2, seed=0, stream='train')"
        ):
            _draw(load("dataset", dataset, DATASETS))
    if is_own(settings.experiment):
        with _calling("experiment", settings.experiment, "when its `measure` was loaded"):
            _check_measure(settings.experiment)
    if experiment_of(settings.experiment).metrics:
        return  # it may use the settings as it likes
    shape = tuple(input_shape)
    if is_own(settings.activation):
        with _calling("activation", settings.activation, "when it was called as activation()"):
            _check_activation(settings.activation)
    with _calling("model", settings.model, "when it was called as build(spec, generator)"):
        model = build_replicates(
            settings, input_shape=shape, classes=outputs, seeds=(0,), device=CPU
        )
    for number, size in enumerate(batches):
        last = f"on the last batch of an epoch, of {size}" if number else f"on a batch of {size}"
        todo = "choose another batch_size or train_size" if size == 1 else None
        with _calling("model", settings.model, f"{last} × {shape}", todo=todo):
            model.train()
            model(torch.zeros(1, size, *shape)).square().sum().backward()
        if not number:
            _step(model, settings)


def _draw(dataset: Dataset) -> None:
    """Two samples of generated data; fixed data are read and checked when they are prepared."""
    if dataset.draw is None:
        return
    drawn = dataset.draw(2, seed=0, stream="train")
    if not isinstance(drawn, Arrays):
        raise TypeError(f"it returned {type(drawn).__name__}")
    if len(drawn) != 2 or drawn.inputs.shape[1:] != dataset.input_shape:
        raise ValueError(f"the inputs' shape is {drawn.inputs.shape}, for {dataset.input_shape}")


def _step(model: Replicates, settings: Settings) -> None:
    how = "when it was called as function(parameters, settings) and stepped once"
    with _calling("optimizer", settings.optimizer, how):
        build_optimizer(model, settings).step(settings.lr)


def _check_activation(name: str) -> None:
    activation = load("activation", name, ACTIVATIONS)()
    if not isinstance(activation, nn.Module):
        raise TypeError(f"it returned {type(activation).__name__}")
    shape = tuple(activation(torch.zeros(2, 3)).shape)
    if shape != (2, 3):
        raise ValueError(f"(2, 3) became {shape}")


def _check_measure(name: str) -> None:
    measure: Callable[..., Any] = load("measure", experiment_of(name).measure, {})
    inspect.signature(measure).bind("request")


@contextmanager
def _calling(part: str, name: str, how: str, *, todo: str | None = None) -> Iterator[None]:
    """Whatever an own part raises becomes an NnbenchError that says how it was called."""
    try:
        yield
    except NnbenchError:
        raise
    except (Exception, SystemExit) as error:
        raise NnbenchError(
            f"{part} {name!r} failed {how}",
            got=_told(error),
            allowed=f"{WANTED[part]} (config/README.md)",
            todo=todo or (_wrapped(name) if part == "model" else None),
        ) from error


def _told(error: BaseException) -> str:
    """An error with the line of the user's own code that it comes from."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    line = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {error}{line}"


def _is_own(file: str) -> bool:
    path = Path(file)
    others = {"site-packages", "dist-packages"} & set(path.parts) or file.startswith("<")
    return not (others or any(map(path.is_relative_to, (PACKAGE, STANDARD_LIBRARY))))


def _wrapped(name: str) -> str | None:
    """How to wrap a class that cannot be called so."""
    made = load("model", name, MODELS)
    if not isinstance(made, type):
        return None
    return (
        f"write `def build(spec, generator): return {made.__name__}(…)` in a module of yours, with its sizes "
        "from spec.input_shape and spec.classes, and name that"
    )


if __name__ == "__main__":
    main()
