"""The optimiser of a training: a registered one, any ``torch.optim`` class, or a user's own.

A class is called as ``cls(parameters, lr=…, **optimizer_options)``, a function as ``function(parameters,
settings, **optimizer_options)``.
"""

import inspect
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import nn
from torch.optim.optimizer import StateDict

from nnbench.engine.optim import Optimizer
from nnbench.engine.own_draws import OwnDraws
from nnbench.engine.stacking import Replicates
from nnbench.errors import NnbenchError, unknown_name
from nnbench.registry import OPTIMIZERS, load
from nnbench.settings import Settings

# Each weight's step depends on its own gradients alone, unlike in Adafactor, Muon and LBFGS.
ELEMENTWISE = (
    torch.optim.Adadelta, torch.optim.Adagrad, torch.optim.Adam, torch.optim.Adamax,
    torch.optim.AdamW, torch.optim.ASGD, torch.optim.NAdam, torch.optim.RAdam,
    torch.optim.RMSprop, torch.optim.Rprop, torch.optim.SGD,
)  # fmt: skip
SETTINGS = ("lr", "momentum")  # arguments that are also settings
METHODS = ("step", "state_dict", "load_state_dict")


class FromTorch:
    """Adapts a ``torch.optim.Optimizer`` to the training loop."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.state_dict, self.load_state_dict = optimizer.state_dict, optimizer.load_state_dict

    def step(self, lr: float) -> None:
        """Set the learning rate of all groups, step, drop the gradients."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.optimizer.zero_grad()


class PerReplicate:
    """One optimiser per replicate, for optimisers whose steps mix the weights that they are given."""

    def __init__(self, optimizers: Sequence[Optimizer], own_draws: OwnDraws | None) -> None:
        self.optimizers, self.own_draws = optimizers, own_draws

    def step(self, lr: float) -> None:
        """See ``Optimizer``."""
        for replicate, optimizer in enumerate(self.optimizers):
            with self.own_draws.turn(replicate) if self.own_draws else nullcontext():
                optimizer.step(lr)

    def state_dict(self) -> StateDict:
        """See ``Optimizer``."""
        return {"replicates": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state_dict: StateDict) -> None:
        """See ``Optimizer``."""
        for optimizer, saved in zip(self.optimizers, state_dict["replicates"], strict=True):
            optimizer.load_state_dict(saved)


def is_elementwise(settings: Settings) -> bool:
    """Whether each weight's step is known to depend on that weight's gradients alone.

    Tests check this of registered optimisers; a user's class or function declares it by an attribute
    ``elementwise = True``.
    """
    if settings.optimizer in OPTIMIZERS:
        return True
    maker = load("optimizer", settings.optimizer, OPTIMIZERS)
    return maker in ELEMENTWISE or getattr(maker, "elementwise", False) is True


def build_optimizer(model: Replicates, settings: Settings) -> Optimizer:
    """The optimiser of the settings over all trainable parameters.

    Raises NnbenchError if it does not accept its options or the momentum, cannot step on a gradient alone, or
    lacks a method that the training loop calls.
    """
    if is_elementwise(settings):
        return _made(model, settings)
    assert not model.stacked, "replicates of this optimiser are built one by one"
    each = [_made(own, settings) for own in model.body.children()]
    return PerReplicate(each, model.own_draws)


def _made(module: nn.Module, settings: Settings) -> Optimizer:
    parameters = [p for p in module.parameters() if p.requires_grad]
    maker = load("optimizer", settings.optimizer, OPTIMIZERS)
    if isinstance(maker, type) and issubclass(maker, torch.optim.Optimizer):
        made: object = _instance(maker, parameters, settings)
    else:
        made = maker(parameters, settings, **_options(maker, settings, after=2))
    name = f"optimizer {settings.optimizer!r}"
    if isinstance(made, torch.optim.Optimizer):
        if reason := _refused(made):
            raise NnbenchError(f"{name} {reason}", todo="choose another optimizer")
        return FromTorch(made)
    if missing := [method for method in METHODS if not hasattr(made, method)]:
        raise NnbenchError(
            f"{name} has no {' and no '.join(missing)}",
            got=type(made).__name__,
            allowed=f"a torch.optim.Optimizer, or an object with {', '.join(METHODS)}",
            todo="return one of these from the function",
        )
    return made  # type: ignore[return-value]  # it has the protocol's methods


def _instance(
    kind: type[torch.optim.Optimizer], parameters: list[nn.Parameter], settings: Settings
) -> torch.optim.Optimizer:
    """An instance of a ``torch.optim`` class, or a user's subclass, with the settings that it accepts."""
    name, takes = f"optimizer {settings.optimizer!r}", inspect.signature(kind).parameters
    given = _options(kind, settings, after=1)
    for setting in ("lr", "momentum") if settings.momentum else ("lr",):
        if setting not in takes and not _takes_any(kind):
            raise NnbenchError(
                f"{name} takes no {setting}",
                got=f"{setting}: {getattr(settings, setting)}",
                allowed=", ".join(list(takes)[1:]),
                todo=f"remove {setting}, or choose another optimizer",
            )
        given[setting] = getattr(settings, setting)
    try:
        return kind(parameters, **given)  # type: ignore[arg-type]  # keyword arguments of any class
    except (TypeError, ValueError, RuntimeError) as error:
        todo = "correct lr, momentum or optimizer_options"
        raise NnbenchError(f"{name} cannot be made: {error}", got=given, todo=todo) from error


def _options(maker: Callable[..., object], settings: Settings, *, after: int) -> dict[str, object]:
    """The ``optimizer_options``, after checking that each is an argument beyond the first ``after``."""
    if not settings.optimizer_options:
        return {}
    where = f"optimizer_options of {settings.optimizer!r}"
    takes = [p for p in list(inspect.signature(maker).parameters)[after:] if p not in SETTINGS]
    for name in settings.optimizer_options:
        if name in SETTINGS:
            raise NnbenchError(f"{where}: {name} is a setting of its own", todo=f"set `{name}`")
        if name in takes or _takes_any(maker):
            continue
        if not takes:
            raise NnbenchError(f"{where}: it has none", got=repr(name), todo="remove the key")
        raise unknown_name(where, name, takes)
    given = settings.optimizer_options.items()
    return {name: tuple(v) if isinstance(v, list) else v for name, v in given}


def _takes_any(maker: Callable[..., object]) -> bool:
    kinds = [p.kind for p in inspect.signature(maker).parameters.values()]
    return inspect.Parameter.VAR_KEYWORD in kinds


def _refused(optimizer: torch.optim.Optimizer) -> str | None:
    """Why an optimiser cannot step on the gradients of a training; None if it can."""
    arguments = inspect.signature(optimizer.step).parameters.values()
    named = (p for p in arguments if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
    if any(p.default is p.empty for p in named):
        return "needs a closure that computes the loss again, which the training loop does not have"
    if isinstance(optimizer, torch.optim.SparseAdam):
        return "needs sparse gradients, which no layer here has"
    return None
