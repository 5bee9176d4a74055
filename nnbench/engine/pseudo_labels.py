"""Self-training: samples without labels join the training with those that a trained network gives them.

The labels are hard, and the samples of which the teacher is surest come first (Scudder 1965; Lee 2013,
"Pseudo-label"). How many join is a share of them and no limit on the confidence, so that all replicates have as
many, and no objective has to be calibrated.
"""

from dataclasses import replace

import torch
from torch import Tensor

from nnbench.engine.data import TrainingData
from nnbench.engine.stacking import Replicates

READING_BATCH = 1024  # samples per replicate in a forward pass


@torch.no_grad()
def pseudo_labels(
    teacher: Replicates, data: TrainingData, *, share: float
) -> tuple[Tensor, Tensor]:
    """Rows (S, k) of the unlabelled samples of which each teacher is surest, and its labels of them (S, k).

    k is this ``share`` of them, at least one. Sure is who gives its class a high probability by softmax.
    """
    assert data.unlabelled is not None, "all samples have labels"
    teacher.eval()
    batches = data.unlabelled.split(READING_BATCH, dim=1)
    outputs = torch.cat([teacher(data.bank.gather(index)[0]) for index in batches], dim=1)
    sure, labels = outputs.softmax(dim=2).max(dim=2)
    kept = max(1, round(share * labels.shape[1]))
    best = sure.argsort(dim=1, descending=True, stable=True)[:, :kept]
    return data.unlabelled.gather(1, best), labels.gather(1, best)


def joined(data: TrainingData, rows: Tensor, labels: Tensor) -> TrainingData:
    """The data with these rows (S, k) among the training samples, labelled so (S, k); all others unchanged."""
    own = data.bank.labels.expand(len(rows), -1).clone()
    bank = replace(data.bank, labels=own.scatter_(1, rows, labels))
    return replace(data, bank=bank, train=torch.cat((data.train, rows), dim=1))
