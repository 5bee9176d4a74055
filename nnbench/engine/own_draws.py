"""The global generators of Python, NumPy and PyTorch, from which a user's own parts may draw.

Nothing in nnbench draws from them. Each replicate has states of its own, which are put in place when it is its
turn: what it draws does not depend on the replicates beside it, and goes on after an interruption.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from nnbench.engine.seeding import derived_seed
from nnbench.registry import is_own
from nnbench.settings import Settings

Generator = torch.Generator | np.random.Generator | random.Random
States = dict[str, Any]  # tensors and plain data, never changed in place


def may_draw(settings: Settings) -> bool:
    """Whether a training has parts that are not nnbench's, which may draw from the global generators."""
    return any(map(is_own, (settings.model, settings.activation, settings.optimizer)))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within this context the three draw from a seed; afterwards they go on as before."""
    before = states()
    _seed_all(seed)
    try:
        yield
    finally:
        restore(before)


@contextmanager
def drawing_nothing(network: nn.Module) -> Iterator[None]:
    """What is drawn within this context, by a network's own generators too, is as if it had not been."""
    held = held_by(network)
    before = [_state_of(own) for own in held]
    with seeded(0):
        yield
    for own, state in zip(held, before, strict=True):
        _set_state(own, state)


def held_by(network: nn.Module) -> tuple[Generator, ...]:
    """The generators that are attributes of its modules."""
    values = (value for module in network.modules() for value in vars(module).values())
    return tuple(value for value in values if isinstance(value, Generator))


class OwnDraws:
    """What each replicate of a training draws from the global generators.

    Evaluations and probes draw aside: each from the same beginning, so that no training depends on how often
    it was looked at, and no score on when other replicates ended.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self.training = [_beginning(derived_seed(seed, "own parts")) for seed in seeds]
        self.beside = [_beginning(derived_seed(seed, "own parts aside")) for seed in seeds]
        self.now = self.training
        self.held: tuple[Generator, ...] = ()  # by the networks, which draw from them by themselves

    def hold(self, networks: nn.Module) -> None:
        """Save and restore the generators that are attributes of a network's modules, too."""
        self.held = held_by(networks)

    def go_on(self) -> None:
        """Draw for the training from now on."""
        self.now = self.training

    def begin_aside(self) -> None:
        """Draw for something else from now on, from its beginning."""
        self.now = list(self.beside)

    @contextmanager
    def turn(self, replicate: int) -> Iterator[None]:
        """Within this context, a replicate draws; afterwards the three go on as before."""
        before = states()
        restore(self.now[replicate])
        try:
            yield
        finally:
            self.now[replicate] = states()
            restore(before)

    def state(self) -> States:
        """What the training's further draws depend on, for ``restore``."""
        return {"training": self.training, "held": [_state_of(own) for own in self.held]}

    def restore(self, saved: States) -> None:
        """Go on as from ``saved``."""
        self.training[:] = saved["training"]
        for own, state in zip(self.held, saved["held"], strict=True):
            _set_state(own, state)


def states() -> States:
    """The states of all three."""
    _, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - the global one is what own parts use
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    numpy = [torch.from_numpy(keys.astype(np.int64)), rest]  # type: ignore[union-attr]
    return {
        "python": random.getstate(),
        "numpy": numpy,
        "torch": torch.get_rng_state(),
        "cuda": cuda,
    }


def restore(saved: States) -> None:
    """Go on from states."""
    random.setstate(saved["python"])
    keys, rest = saved["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(saved["torch"])
    if saved["cuda"]:
        torch.cuda.set_rng_state_all(saved["cuda"])


def _state_of(own: Generator) -> Any:
    if isinstance(own, torch.Generator):
        return own.get_state()
    return own.getstate() if isinstance(own, random.Random) else dict(own.bit_generator.state)


def _set_state(own: Generator, state: Any) -> None:
    if isinstance(own, torch.Generator):
        own.set_state(state)
    elif isinstance(own, random.Random):
        own.setstate(state)
    else:
        own.bit_generator.state = state


def are_the_same(a: States, b: States) -> bool:
    """Whether nothing was drawn between two looks at the states."""
    plain = a["python"] == b["python"] and a["numpy"][1] == b["numpy"][1]
    pairs = zip(_tensors(a), _tensors(b), strict=True)
    return plain and all(torch.equal(x, y) for x, y in pairs)


def _tensors(found: States) -> list[torch.Tensor]:
    return [found["numpy"][0], found["torch"], *found["cuda"]]


def _beginning(seed: int) -> States:
    with seeded(seed):
        return states()


def _seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)
    # torch.manual_seed would note the whole call stack for each kind of device that is not in use: 2 ms
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    if torch.mps.is_available():
        torch.mps.manual_seed(seed)
