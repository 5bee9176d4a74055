"""What a job asks of an experiment, and what it is handed back: a cell in, a record out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nnbench.engine.checkpoint import Checkpoint
from nnbench.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a job asks for.

    Attributes:
        options: The checked ``experiment_options``, an instance of ``Experiment.options``.
        settings: The cell's training settings.
        dataset: The name of the dataset in the registry.
        folder: Its prepared files.
        seeds: One a block.
        search: The candidates of the tuned track and their seeds, or None.
        device: Where to compute.
        cores: CPU cores that this job has for itself.
        checkpoint: Where a training leaves its state for the next job, should this one be interrupted.
    """

    options: Any
    settings: Settings
    dataset: str
    folder: Path
    seeds: Sequence[int]
    search: Mapping[str, Any] | None
    device: torch.device
    cores: int
    checkpoint: Checkpoint = field(default_factory=Checkpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What an experiment hands back: plain data without NaN, part of the record.

    Attributes:
        runs: By seed (as text): ``{"status": "ok" | "diverged" | "capped", "metrics": {name: value}}``.
        missing: Why a place was not measured, by place, as in ``{"tensorflow": "not installed"}``.
        facts: What describes each place beside its metrics: parameters, FLOPs, versions, batch sizes.
        notes: Sentences that a reader of the result needs, as in "4 processes share 2 cores".
        seconds: Time by what it was spent on.
        more: Further fields of the record (curves, parameters, steps, …).
    """

    runs: Mapping[str, Mapping[str, Any]]
    missing: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
