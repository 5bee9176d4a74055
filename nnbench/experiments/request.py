"""What a job asks of an experiment, for one block of a cell's seeds."""

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
    """What a job asks for."""

    options: Any  # an instance of ``Experiment.options``
    settings: Settings
    dataset: str  # its name in the registry
    folder: Path  # its prepared files
    seeds: Sequence[int]  # one per replicate
    search: Search | None  # the tuned track's candidates and seeds, or None
    device: torch.device
    cores: int  # CPU cores reserved for this job
    chosen: Chosen | None = None  # that search's outcome, if an earlier block made it
    checkpoint: Checkpoint = field(default_factory=Checkpoint)  # the state of an interrupted job
