"""Changes of a table's inputs: decoys, which tell nothing, and missing values with what stands in for them.

Each replicate has its own, drawn separately for training, validation and test samples. Whatever stands in for a
missing value is learnt from the replicate's training samples alone.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from nnbench.datasets.selection import changes_inputs, lacking
from nnbench.engine.sampling import Drawn
from nnbench.engine.seeding import generators
from nnbench.sections import Missing
from nnbench.settings import Settings


def of_training(
    inputs: Tensor, drawn: Drawn, settings: Settings, *, seeds: Sequence[int]
) -> tuple[Tensor, Drawn, Tensor | None]:
    """Changed inputs (N, features) of samples in blocks, the rows that take part, and what fills gaps (S, features)."""
    if not changes_inputs(settings):
        return inputs, drawn, None
    size = drawn.train.shape[1]
    parts = inputs.view(len(seeds), -1, inputs.shape[1]).tensor_split([size], dim=1)
    # validation comes first, so that its draws do not depend on the number of training samples
    draws = [generators(seeds, purpose) for purpose in ("decoys", "missing")]
    validation, train = (_changed(part, settings, draws) for part in reversed(parts))
    values, missing = torch.cat([train, validation], dim=1).flatten(0, 1), settings.missing
    if missing is None:
        return values, drawn, None
    if missing.handled == "drop":
        rows = [_complete(values, rows) for rows in (drawn.train, drawn.validation)]
        drawn = replace(drawn, train=rows[0], validation=rows[1])
    fills = values[drawn.train].double().nanmean(dim=1).float()
    fills = torch.zeros_like(fills) if missing.handled == "zero" else fills
    return _handled(values, fills, missing), drawn, fills


def of_test(
    inputs: Tensor, fills: Tensor | None, settings: Settings, *, seeds: Sequence[int]
) -> Tensor:
    """Changed inputs (N, features) of test samples in blocks; ``fills`` are those of training."""
    if not changes_inputs(settings):
        return inputs
    missing = settings.missing
    gaps = settings.model_copy(update={} if missing and missing.in_test else {"missing": None})
    draws = [generators(seeds, purpose) for purpose in ("decoys in test", "missing in test")]
    values = _changed(inputs.view(len(seeds), -1, inputs.shape[1]), gaps, draws).flatten(0, 1)
    return values if missing is None or fills is None else _handled(values, fills, missing)


def _changed(
    values: Tensor, settings: Settings, draws: Sequence[Sequence[torch.Generator]]
) -> Tensor:
    """Values (S, n, features) with decoys beside them, and NaN where they are missing."""
    for_decoys, for_gaps = draws
    copies = [torch.stack([_shuffled(v, g) for v, g in zip(values, for_decoys, strict=True)])
              for _ in range(settings.decoys)]  # fmt: skip
    values = torch.cat([values, *copies], dim=2)
    if settings.missing is None:
        return values
    gaps = [_gaps(own.shape, settings.missing, g) for own, g in zip(values, for_gaps, strict=True)]
    return values.masked_fill(torch.stack(gaps), torch.nan)


def _shuffled(values: Tensor, draw: torch.Generator) -> Tensor:
    """Values (n, features), each feature's in an order of its own."""
    return values.gather(0, torch.rand(values.shape, generator=draw).argsort(dim=0))


def _gaps(shape: torch.Size, missing: Missing, draw: torch.Generator) -> Tensor:
    """Where values (n, features) are missing: equally many in each of exactly the samples that lack some."""
    samples, features = shape
    each = max(1, round(missing.values * features))
    # ranks of random numbers: a random order of the samples, and of each one's features
    order = torch.rand(samples, generator=draw).argsort().argsort()
    places = torch.rand(shape, generator=draw).argsort(dim=1).argsort(dim=1)
    return (order < lacking(samples, missing)).unsqueeze(1) & (places < each)


def _complete(values: Tensor, rows: Tensor) -> Tensor:
    """Those of rows (S, n) whose samples lack nothing: equally many of each replicate."""
    kept = ~values[rows].isnan().any(dim=2)
    return rows[kept].view(len(rows), -1)


def _handled(values: Tensor, fills: Tensor, missing: Missing) -> Tensor:
    """Values (S x n, features) with ``fills`` (S, features) in the gaps, beside 1 where a gap was if asked for."""
    own = values.view(len(fills), -1, values.shape[1])
    gaps = own.isnan()
    filled = torch.where(gaps, fills.unsqueeze(1), own)
    if missing.handled == "indicator":
        filled = torch.cat([filled, gaps.float()], dim=2)
    return filled.flatten(0, 1)
