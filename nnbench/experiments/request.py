"""What a job asks of an experiment for one block of a cell's seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nnbench.engine.checkpoint import Checkpoint
from nnbench.experiments.measured import Chosen, Search
from nnbench.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a job asks for.

    Attributes:
        options: The checked ``experiment_options``, an instance of ``Experiment.options``.
        settings: The cell's training settings.
        dataset: The name of the dataset in the registry.
        folder: Its prepared files.
        seeds: One per replicate.
        search: The candidates of the tuned track and their seeds, or None.
        chosen: The outcome of that search, if an earlier block of the cell has made it.
        device: Where to compute.
        cores: CPU cores that this job has for itself.
        checkpoint: Where a training saves its state, for the next job if this one is interrupted.
    """

    options: Any
    settings: Settings
    dataset: str
    folder: Path
    seeds: Sequence[int]
    search: Search | None
    device: torch.device
    cores: int
    chosen: Chosen | None = None
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
