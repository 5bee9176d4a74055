"""Whether own parts train to the same numbers each time: the first step, run twice from the same beginning."""

import torch
from torch import Tensor

from nnbench.engine.own_draws import are_the_same, may_draw, states
from nnbench.engine.train import train
from nnbench.experiments.training.fit import Job, Seeds, drawn
from nnbench.registry import is_own
from nnbench.settings import Settings

ESCAPED = (
    "its first step, run twice from the same beginning, gave two results: an own part depends on something "
    "that no seed decides, such as numpy.random.default_rng(), os.urandom or the time"
)
STRAYED = (
    "an own part draws in a backward pass, or in an optimizer that says it is elementwise: "
    "such draws belong to no replicate, and are others beside other replicates or after an interruption"
)


def why_not_reproducible(job: Job, settings: Settings, seeds: Seeds, *, dataset: str) -> str | None:
    """Why another run would give other numbers; None: nothing is known, or there are no own parts.

    ``dataset`` is the name by which the data were loaded: own code may draw them.
    """
    if not may_draw(settings) and not is_own(dataset):
        return None
    (first, strayed), (second, _) = (_first_step(job, settings, seeds[:1]) for _ in range(2))
    if strayed:
        return STRAYED
    return None if all(map(_same_bits, first, second)) else ESCAPED


def _first_step(job: Job, settings: Settings, seeds: Seeds) -> tuple[list[Tensor], bool]:
    """Losses and weights of one replicate after a step, and whether anything was drawn in no turn of its own."""
    alone = settings.model_copy(update={"train_for": "1 steps", "probes": (), "checkpoint": "last"})
    job.samples.clear()  # own data are drawn twice, too
    data, model = drawn(job, alone, seeds)
    before = states()
    curves = train(data, model, alone, seeds=seeds).curves
    losses = torch.tensor([curves.train_loss, curves.validation_loss])
    found = [losses, *(tensor.clone() for tensor, _ in model.state())]
    return found, not are_the_same(before, states())


def _same_bits(a: Tensor, b: Tensor) -> bool:
    """Also of NaN, which is not equal to itself."""
    return torch.equal(*(t.reshape(-1).view(torch.uint8) for t in (a, b)))
