"""Trainings of the same network before the judged one, which goes on from their last weights."""

from collections.abc import Callable, Sequence
from functools import partial

from nnbench.engine.checkpoint import Checkpoint, State
from nnbench.engine.data import TrainingData
from nnbench.engine.pretraining import earlier_seeds, settings_before
from nnbench.engine.seeding import set_states, states_of
from nnbench.engine.stacking import Replicates
from nnbench.engine.train import train
from nnbench.settings import Settings


def trained_before(
    data: TrainingData,
    model: Replicates,
    settings: Settings,
    *,
    seeds: Sequence[int],
    checkpoint: Checkpoint,
    stage: str,
) -> None:
    """The trainings in ``before``, each in an order of its own."""
    for number, earlier in enumerate(settings_before(settings)):
        seeds = earlier_seeds(seeds)
        name = f"{stage}: before {number}"
        trained_first(data, model, earlier, seeds=seeds, checkpoint=checkpoint, stage=name)


def trained_first(
    data: TrainingData,
    model: Replicates,
    settings: Settings,
    *,
    seeds: Sequence[int],
    checkpoint: Checkpoint,
    stage: str,
) -> None:
    """One of them; how it ends is kept, to be put back where a later training is interrupted."""
    run = partial(train, data, model, settings, seeds=seeds, checkpoint=checkpoint, stage=stage)
    ended = checkpoint.once(f"{stage}: ended", partial(_ended, checkpoint, model, run))
    model.set_state(ended["weights"])
    set_states(model.draws, ended["draws"])
    if model.own_draws:
        model.own_draws.restore(ended["own draws"])


def _ended(checkpoint: Checkpoint, model: Replicates, run: Callable[[], object]) -> State:
    run()
    checkpoint.forget_state()
    return {
        "weights": [tensor.clone() for tensor, _ in model.state()],
        "draws": states_of(model.draws),
        "own draws": model.own_draws and model.own_draws.state(),
    }
