"""What a cell roughly costs: arithmetic, memory, and whether it needs the machine for itself."""

import math
from collections.abc import Mapping
from functools import cache

from nnbench.cells.cell import BLOCK, Cell, blocks_of, dataset_of
from nnbench.datasets.selection import (
    changes_inputs,
    inputs_in_use,
    outputs_in_use,
    pseudo_labelled_size,
    train_size,
    unlabelled_size,
    whole,
)
from nnbench.experiments.base import experiment_of
from nnbench.models.costs import ZOO, Cost, cost_of
from nnbench.models.facts import replicates_at_once
from nnbench.schema import Strict, parse
from nnbench.sections import Augment
from nnbench.settings import Settings

START_SECONDS = 0.5  # of a cell in its batch: a process, the data
ENDING_EARLY = 0.1  # of its budget, for a training that ends at a target or without progress


# Seconds of one core: a fit to the 252 trainings of a default run on an AMD EPYC, two at a time, dense networks in
# compiled code (without a compiler they take four times as long, which a run's pace makes up for). Recurrent
# networks: 32 to 144 units, 8 to 40 steps, in compiled code, beside other work.
STEP, LAYER = 1.35e-4, 3.2e-5  # of a stack of replicates in PyTorch; and per hidden layer
COMPILED_STEP, COMPILED_LAYER = 1.4e-6, 3.7e-7  # of one replicate in compiled code
# the others per replicate; per multiply-add of the forward pass, with its backward pass
MULTIPLY_ADD: Mapping[str, float] = {
    **dict.fromkeys(ZOO, 1.3e-10),
    "cnn": 3.0e-10,
    "lstm": 3.6e-11,
    "gru": 4.0e-11,
    "elman": 3.5e-11,
}
COMPILED = ("mlp", "lstm", "gru", "elman")
DENSE_MULTIPLY_ADD = 2.3e-11
PARAMETER = 6.2e-10  # per step: the optimiser's memory traffic
UNIT, DROPPED_UNIT = 1.5e-9, 5e-10  # per sample and hidden unit: activations; and dropout
AUGMENTED = 2.4e-6  # per sample, in compiled code
GENERATED = 2e-6  # per sample of a seed that is drawn and not read
# asked several times per cell; loading it anew each time adds up in a plan of thousands
_experiment = cache(experiment_of)


def estimated_seconds(cell: Cell, *, seeds: int) -> float:
    """Rough seconds of so many seeds on one core, without the job's start; another machine has a pace.

    They order the jobs and, scaled by what the first ones took, estimate the time that is left.
    """
    if (declared := declared_seconds(cell, seeds=seeds)) is not None:
        return declared
    settings, size = cell.settings, _train_size(cell)
    stages = [(settings, size)]
    if settings.pretrain is not None:
        before = settings.model_copy(
            update=settings.pretrain.model_dump(include={"classes", "train_size", "train_for"})
        )
        stages.append((before, train_size(dataset_of(cell.dataset), before)))
    if settings.rbm is not None:
        stages.append((settings.model_copy(update={"train_for": settings.rbm.train_for}), size))
    if settings.pseudo_labels:  # a teacher, and what joins it
        stages.append((settings, size + pseudo_labelled_size(dataset_of(cell.dataset), settings)))
    stages += [
        (settings.model_copy(update={"train_for": b.train_for}), size) for b in settings.before
    ]
    if (drift := settings.drift) is not None:
        stages = [] if drift.anew else [(settings, size - drift.train_size)]
        after = settings.model_copy(update={"train_for": drift.train_for})
        stages.append((after, drift.train_size))
    candidates, trials = 0, 0
    if cell.search is not None:
        candidates = len(cell.search.candidates)
        trials = candidates * len(cell.search.seeds)
    stacks, runs = len(blocks_of(seeds)) + candidates, seeds + trials
    return sum(_stage_seconds(cell, own, size, stacks=stacks, runs=runs) for own, size in stages)


def declared_seconds(cell: Cell, *, seeds: int) -> float | None:
    """How long the cell's experiment says that it takes; None: it is estimated."""
    experiment = _experiment(cell.settings.experiment)
    return None if experiment.seconds is None else experiment.seconds(_options(cell), seeds)


def _stage_seconds(cell: Cell, settings: Settings, size: int, *, stacks: int, runs: int) -> float:
    """One training: what a step costs whatever its size, then products, activations and the optimiser."""
    cost, hidden = _cost(cell), sum(settings.hidden)
    sample = cost.macs * MULTIPLY_ADD.get(settings.model, DENSE_MULTIPLY_ADD)
    sample += hidden * (UNIT + DROPPED_UNIT * bool(settings.dropout))
    sample += AUGMENTED * (settings.augment != Augment())
    replicate = settings.batch_size * sample + cost.parameters * PARAMETER
    ends_early = settings.stop_at_target or settings.patience is not None
    steps = settings.total_steps(size) * (ENDING_EARLY if ends_early else 1.0)
    layers = len(settings.hidden)
    if settings.model in COMPILED and not settings.second_task:
        dispatch = runs * (COMPILED_STEP + COMPILED_LAYER * layers)
    else:
        dispatch = stacks * (STEP + LAYER * layers)
    drawn = runs * size * GENERATED * (dataset_of(cell.dataset).kind == "generated")
    return steps * (dispatch + runs * replicate) + drawn


def memory_mb(cell: Cell) -> int:
    """Memory to reserve for a cell, in MB: PyTorch itself, the data, the weights of one block."""
    experiment = _experiment(cell.settings.experiment)
    if experiment.memory_mb is not None:
        return experiment.memory_mb(_options(cell))
    dataset = dataset_of(cell.dataset)
    copies = BLOCK if dataset.kind == "generated" or changes_inputs(cell.settings) else 1
    values = math.prod(inputs_in_use(dataset, cell.settings)) * (
        _train_size(cell) + _unlabelled(cell) + dataset.validation_size
    )
    values *= copies
    parameters = _cost(cell).parameters
    weights = min(BLOCK, replicates_at_once(parameters)) * parameters
    # 4 bytes each; a set and the draw that fills it; weights, gradient, two moments, best, temporary
    return 1200 + int(4 * (1.3 * values + 7 * weights) / 1e6)


def runs_alone(cell: Cell) -> bool:
    """Whether nothing else may run beside the cell: it measures time."""
    return _experiment(cell.settings.experiment).alone


def _cost(cell: Cell) -> Cost:
    dataset = dataset_of(cell.dataset)
    shape, settings = inputs_in_use(dataset, cell.settings), cell.settings
    return cost_of(settings, shape, outputs_in_use(dataset, settings))


def _train_size(cell: Cell) -> int:
    return whole(train_size(dataset_of(cell.dataset), cell.settings), cell.settings)


def _unlabelled(cell: Cell) -> int:
    return unlabelled_size(dataset_of(cell.dataset), cell.settings)


def _options(cell: Cell) -> Strict:
    experiment = _experiment(cell.settings.experiment)
    return parse(experiment.options, cell.settings.experiment_options, where=f"cell {cell.id}")
