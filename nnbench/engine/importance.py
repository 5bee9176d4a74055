"""How much a network's inputs matter to it, and how well a ranking by that finds those that tell something.

An importance is (S, F): one number for each replicate and input, larger for inputs that matter more. Samples are those of
validation, which no training step has seen.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nnbench.datasets.base import Dataset
from nnbench.datasets.selection import inputs_in_use
from nnbench.engine.data import Bank, TrainingData
from nnbench.engine.objectives import Objective
from nnbench.engine.probes import by_input, first_dense
from nnbench.engine.scores import evaluate
from nnbench.engine.seeding import generators, shuffled
from nnbench.engine.stacking import Replicates
from nnbench.settings import Settings

SAMPLES = 500  # of one replicate: as many as tell what matters, for the time that they take
REPEATS = 5  # permutations of each input, as scikit-learn's permutation_importance has by default
PASS = 256  # samples per replicate whose activations are held for a gradient


def by_permutation(
    model: Replicates, data: TrainingData, objective: Objective, *, seeds: Sequence[int]
) -> Tensor:
    """How much the mean loss rises when an input's values are permuted among the samples (Breiman 2001)."""
    inputs, labels = data.bank.gather_raw(data.validation[:, :SAMPLES])
    values = inputs.flatten(0, 1)
    bank = Bank(inputs=values, labels=labels.flatten(), normaliser=data.bank.normaliser)
    rows = torch.arange(len(values), device=values.device).view(labels.shape)
    draws = generators(seeds, "importance")
    before = evaluate(model, bank, rows, objective).loss
    rises = []
    for place in range(values.shape[1]):
        own, losses = values[:, place].clone(), torch.zeros_like(before)
        for _ in range(REPEATS):
            values[:, place] = own[shuffled(rows, draws).flatten()]
            losses += evaluate(model, bank, rows, objective).loss
        values[:, place] = own
        rises.append(losses / REPEATS - before)
    return torch.stack(rises, dim=1)


def by_gradient(model: Replicates, data: TrainingData, objective: Objective) -> Tensor:
    """Mean absolute gradient of a sample's loss with respect to its scaled inputs (Simonyan et al. 2014)."""
    model.eval()
    total, rows = torch.zeros(()), data.validation[:, :SAMPLES]
    for index in rows.split(PASS, dim=1):
        inputs, targets = data.bank.gather(index)
        inputs.requires_grad_()
        # a replicate's loss is a mean over its samples: each one's gradient up to their number
        with torch.backends.cudnn.flags(enabled=False):  # recurrent layers, out of training
            loss = objective.losses(model(inputs), targets).sum() * index.shape[1]
            (gradient,) = torch.autograd.grad(loss, inputs)
        total = total + gradient.abs().sum(dim=1).cpu().double()
    return total / rows.shape[1]


def by_first_weights(model: Replicates) -> Tensor:
    """Sum of the absolute weights that leave an input; NaN (S, 1) where the first layer is not dense."""
    first = first_dense(model)
    if first is None:
        return torch.full((model.count, 1), torch.nan)
    return by_input(model, [weight.detach() for weight in first]).abs().sum(dim=2).cpu().double()


def informative_inputs(dataset: Dataset, settings: Settings) -> Tensor:
    """A mask (F,) of the inputs that tell something: a table's own but those that are known not to, and no decoys."""
    own = torch.ones(dataset.input_shape, dtype=torch.bool)
    own[list(dataset.irrelevant)] = False
    return nn.functional.pad(own, (0, inputs_in_use(dataset, settings)[0] - len(own)))


def recovery(importance: Tensor, informative: Tensor) -> Tensor:
    """Area (S,) under the curve of a ranking: the informative inputs found by the time that others are let in.

    It is the chance that one of the informative inputs, a mask (F,), is ranked above one of the others; ties count
    one half (Mann & Whitney 1947). NaN where an importance is not a number.
    """
    importance = importance.expand(-1, len(informative))
    above = importance[:, informative].unsqueeze(2) - importance[:, ~informative].unsqueeze(1)
    found = (above.sign().double() + 1.0) / 2.0
    return torch.where(above.isnan(), torch.nan, found).mean(dim=(1, 2))
