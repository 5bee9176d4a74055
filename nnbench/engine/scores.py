"""How trained replicates score on given samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from nnbench.engine.attack import attacked
from nnbench.engine.data import Bank
from nnbench.engine.images import shift_images
from nnbench.engine.native.network import CompiledNetwork, compiled_network
from nnbench.engine.objectives import CROSS_ENTROPY, Objective
from nnbench.sections import Shift

EVALUATION_BATCH = 1024  # samples per replicate whose scores are summed in float32
PASS = 64  # of them in a forward pass on a CPU, whose activations stay in the core's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Each replicate's scores, (S,) float64 on the CPU: accuracy for classes, mae and rmse for numbers."""

    loss: Tensor  # mean of the training objective
    accuracy: Tensor | None = None
    by_class: Tensor | None = None  # on request: accuracy by class (S, C), NaN without samples
    mae: Tensor | None = None  # in standard deviations of the training targets, as rmse
    rmse: Tensor | None = None
    losses: Tensor | None = None  # on request: of each sample (S, m) float32
    hits: Tensor | None = None  # as losses, for classes: whether its class was found, bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """The images of a bank after a shift, drawn separately for each replicate, and an attack on ``model``."""

    bank: Bank
    shift: Shift
    generators: Sequence[torch.Generator]
    model: nn.Module
    objective: Objective
    shares: Sequence[float] | None = None  # of the shift's strength, by replicate; None: all of it

    def at(self, index: Tensor) -> tuple[Bank, Tensor]:
        """The samples at ``index`` (S, B) as a bank, and their rows (S, B) of it."""
        images, targets = self.bank.gather_raw(index)
        parts = [self.shift.part(share) for share in self.shares or ()]
        changed = [
            shift_images(own, shift, generator=draw)
            for own, shift, draw in zip(
                images, parts or [self.shift] * len(images), self.generators, strict=True
            )
        ]
        if self.shift.attack:
            against = (self.model, self.bank, self.objective)
            changed = list(attacked(*against, torch.stack(changed), targets, self.shift))
        rows = torch.arange(index.numel(), device=index.device).view(index.shape)
        return replace(self.bank, inputs=torch.cat(changed), labels=targets.flatten()), rows


def uninformed(bank: Bank, rows: Tensor, objective: Objective, outputs: int) -> Scores:
    """Scores on rows (S, m) of a predictor that has learned nothing.

    For classes it gives all of them the same probability (equal logits), whatever the labels are:
    cross-entropy ln C, accuracy 1/C. For regression it predicts the training targets' mean, which is 0 after
    standardisation.
    """
    if objective.task == "classification":
        each = 1 if objective.classes is None else outputs  # a number's error depends on it
        zeros = torch.zeros(1, each, outputs + (objective.classes is not None), dtype=torch.float64)
        chance = torch.full((len(rows),), 1.0 / outputs, dtype=torch.float64)
        loss = objective.losses(zeros, torch.arange(each).unsqueeze(0)).expand(len(rows))
        by_class = chance.unsqueeze(1).expand(-1, outputs)
        return Scores(loss=loss, accuracy=chance, by_class=by_class)
    targets = bank.labels_at(rows).cpu().double()
    loss = objective.losses(torch.zeros_like(targets).unsqueeze(2), targets)
    return Scores(
        loss=loss, mae=targets.abs().mean(dim=1), rmse=targets.square().mean(dim=1).sqrt()
    )


@torch.no_grad()
def evaluate(
    model: nn.Module,
    samples: Bank | Shifted,
    rows: Tensor,
    objective: Objective = CROSS_ENTROPY,
    *,
    by_class: bool = False,
    by_sample: bool = False,
    network: CompiledNetwork | None = None,
) -> Scores:
    """Score every replicate on its own rows (S, m); ``model`` is left in evaluation mode.

    ``model`` maps (S, B, *shape) to (S, B, C); ``by_class`` adds the accuracy on each class, ``by_sample`` the loss
    of each sample and whether it is a hit. ``network`` is the model compiled for this bank, where the caller has it
    already.
    """
    model.eval()
    network = network or compiled_network(model, samples)
    parts, each = [], []  # by batch: sums, and what each sample scores
    for index in rows.split(EVALUATION_BATCH, dim=1):
        outputs, targets = outputs_of(model, samples, index, network=network)
        parts.append(_sums(outputs, targets, objective, by_class=by_class))
        if by_sample:
            each.append(_each(outputs, targets, objective))
    scores = _means(parts, rows.shape[1], objective, by_class=by_class)
    columns = [torch.cat(column, dim=1) for column in zip(*each, strict=True)]
    return replace(scores, **dict(zip(("losses", "hits"), columns, strict=False)))


def _means(
    parts: Sequence[tuple[Tensor, ...]], count: int, objective: Objective, *, by_class: bool
) -> Scores:
    """Scores from the sums of all batches, over ``count`` samples per replicate."""
    # summed in float64 on the CPU: MPS has none
    loss, *sums = (torch.stack(part).cpu().double().sum(dim=0) for part in zip(*parts, strict=True))
    if objective.task == "regression":
        return Scores(loss=loss / count, mae=sums[0] / count, rmse=(sums[1] / count).sqrt())
    each = sums[1] / sums[2] if by_class else None
    return Scores(loss=loss / count, accuracy=sums[0] / count, by_class=each)


def outputs_of(
    model: nn.Module,
    samples: Bank | Shifted,
    index: Tensor,
    *,
    network: CompiledNetwork | None = None,
) -> tuple[Tensor, Tensor]:
    """Outputs (S, B, C) of a model in evaluation mode, and labels (S, B), for the samples at ``index`` (S, B)."""
    bank, place = samples.at(index)
    outputs = _outputs(model, bank, place, network or compiled_network(model, bank))
    return outputs, bank.labels_at(place)


def _outputs(model: nn.Module, bank: Bank, rows: Tensor, network: CompiledNetwork | None) -> Tensor:
    """Outputs (S, B, C) for rows (S, B) of a bank."""
    if network is not None:
        return network.outputs(rows)
    size = PASS if rows.device.type == "cpu" else EVALUATION_BATCH
    outputs = [model(bank.gather(index)[0]) for index in rows.split(size, dim=1)]
    return torch.cat(outputs, dim=1)


def _sums(
    outputs: Tensor, targets: Tensor, objective: Objective, *, by_class: bool
) -> tuple[Tensor, ...]:
    """For one batch, (S, ...) each: loss; then hits, or absolute and squared errors."""
    loss = objective.losses(outputs, targets) * targets.shape[1]
    if objective.task == "regression":
        error = outputs.squeeze(2) - targets
        return loss, error.abs().sum(dim=1), error.square().sum(dim=1)
    logits = outputs[..., : objective.classes]
    right = logits.argmax(dim=2) == targets
    if not by_class:
        return loss, right.sum(dim=1)
    member = targets.unsqueeze(2) == torch.arange(logits.shape[2], device=targets.device)
    hits = (member & right.unsqueeze(2)).sum(dim=1)
    return loss, right.sum(dim=1), hits, member.sum(dim=1)


def _each(outputs: Tensor, targets: Tensor, objective: Objective) -> tuple[Tensor, ...]:
    """For one batch, (S, B) each on the CPU: the samples' losses; for classes also the hits."""
    # an objective gives one mean per replicate: here, every sample is a replicate of its own
    alone = objective.losses(outputs.flatten(0, 1).unsqueeze(1), targets.reshape(-1, 1))
    losses = alone.view(targets.shape).cpu()
    if objective.task == "regression":
        return (losses,)
    return losses, (outputs[..., : objective.classes].argmax(dim=2) == targets).cpu()
