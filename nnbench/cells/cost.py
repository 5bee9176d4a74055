"""What a cell roughly costs: arithmetic, memory, and whether it needs the machine for itself."""

import math
from functools import cache

from nnbench.cells.cell import BLOCK, Cell, dataset_of
from nnbench.datasets.selection import outputs_in_use, train_size
from nnbench.experiments.base import experiment_of
from nnbench.models.costs import Cost, cost_of
from nnbench.models.facts import replicates_at_once
from nnbench.schema import Strict, parse

WORK_PER_SECOND = 2.3e10  # multiply-adds of one core where there is no record to go by; measured
# asked several times per cell; loading it anew each time adds up in a plan of thousands
_experiment = cache(experiment_of)


def work(cell: Cell, *, seeds: int) -> float:
    """Rough arithmetic of so many seeds (multiply-adds), to start long jobs first and estimate times."""
    if (seconds := declared_seconds(cell, seeds=seeds)) is not None:
        return seconds * WORK_PER_SECOND
    tried = len(cell.search.candidates) * len(cell.search.seeds) if cell.search else 0
    settings, dataset, cost = cell.settings, dataset_of(cell.dataset), _cost(cell)
    stages = [settings]
    if settings.pretrain is not None:
        before = settings.pretrain.model_dump(include={"classes", "train_size", "train_for"})
        stages.append(settings.model_copy(update=before))
    if settings.rbm is not None:
        stages.append(settings.model_copy(update={"train_for": settings.rbm.train_for}))
    # forward and backward of each step, and the optimiser's memory traffic
    per_step = 3 * cost.macs * settings.batch_size + 30 * cost.parameters
    steps = (stage.total_steps(train_size(dataset, stage)) for stage in stages)
    return (seeds + tried) * sum(float(number * per_step) for number in steps)


def declared_seconds(cell: Cell, *, seeds: int) -> float | None:
    """How long the cell's experiment says that it takes; None: see ``work``."""
    experiment = _experiment(cell.settings.experiment)
    return None if experiment.seconds is None else experiment.seconds(_options(cell), seeds)


def memory_mb(cell: Cell) -> int:
    """Memory to reserve for a cell, in MB: PyTorch itself, the data, the weights of one block."""
    experiment = _experiment(cell.settings.experiment)
    if experiment.memory_mb is not None:
        return experiment.memory_mb(_options(cell))
    dataset = dataset_of(cell.dataset)
    copies = BLOCK if dataset.kind == "generated" else 1
    samples = train_size(dataset, cell.settings) + dataset.validation_size
    values = math.prod(dataset.input_shape) * samples * copies
    parameters = _cost(cell).parameters
    weights = min(BLOCK, replicates_at_once(parameters)) * parameters
    # 4 bytes each; a set and the draw that fills it; weights, gradient, two moments, best, temporary
    return 1200 + int(4 * (1.3 * values + 7 * weights) / 1e6)


def runs_alone(cell: Cell) -> bool:
    """Whether nothing else may run beside the cell: it measures time."""
    return _experiment(cell.settings.experiment).alone


def _cost(cell: Cell) -> Cost:
    dataset = dataset_of(cell.dataset)
    return cost_of(cell.settings, dataset.input_shape, outputs_in_use(dataset, cell.settings))


def _options(cell: Cell) -> Strict:
    experiment = _experiment(cell.settings.experiment)
    return parse(experiment.options, cell.settings.experiment_options, where=f"cell {cell.id}")
