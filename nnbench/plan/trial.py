"""Whether own models, activations, optimisers, datasets and experiments work: each is built and used once.

A child process does it (``experiments.trial``), without a network and with a limit of time: the code is the
user's, and the plan imports no torch.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping

from nnbench.cells.cell import Cell, canonical, dataset_of
from nnbench.datasets.selection import inputs_in_use, outputs_in_use
from nnbench.errors import NnbenchError
from nnbench.plan.batches import batch_sizes
from nnbench.plan.levels import Use
from nnbench.plan.plan import Plan
from nnbench.processes import Child, run_children
from nnbench.registry import is_own
from nnbench.schema import parse
from nnbench.settings import PARTS, Settings

TIMEOUT_SECONDS = 300.0  # for the import of torch and one trial; each further one may take
MORE_SECONDS = 5.0
LARGEST_BATCH = 32  # enough to see whether a part works


def check_own_parts(plan: Plan) -> None:
    """NnbenchError, with level and claim, for the first own part of a plan that cannot be used."""
    trials: dict[str, tuple[str, dict[str, object]]] = {}
    for where, trial in _trials(plan):
        trials.setdefault(canonical(trial), (where, trial))
    if not trials:
        return
    command = (sys.executable, "-m", "nnbench.experiments.trial")
    document = f"[{','.join(trials)}]".encode()
    child = Child(command=command, environment=dict(os.environ), document=document)
    limit = TIMEOUT_SECONDS + MORE_SECONDS * (len(trials) - 1)
    (ended,) = run_children([child], timeout_seconds=limit)
    answers = [json.loads(line) for line in ended.output.splitlines()]
    for (where, _), answer in zip(trials.values(), answers, strict=False):
        if answer is not None:
            raise NnbenchError(
                answer["what"], got=answer["got"], allowed=answer["allowed"], todo=answer["todo"]
            ).at(where)
    if len(answers) < len(trials):
        where, trial = list(trials.values())[len(answers)]
        raise NnbenchError(
            f"{where}: the process that tries {' and '.join(_own_parts(trial))} once does not come back",
            got=ended.failure or "it ended without a word",
            todo="see what the part does when it is imported, built and called",
        )


def _trials(plan: Plan) -> Iterator[tuple[str, dict[str, object]]]:
    """What is to be tried, and where it is named."""
    for use in plan.all_uses():
        for cell_id in use.cells:
            cell = plan.cells[cell_id]
            for settings in _settings_of(cell):
                named = (cell.dataset, *(getattr(settings, part) for part in PARTS))
                if any(map(is_own, named)):
                    yield _where(use), _trial(settings, cell)


def _settings_of(cell: Cell) -> Iterator[Settings]:
    """A cell's settings, and those of its search's candidates."""
    yield cell.settings
    for candidate in cell.search.candidates if cell.search else ():
        given = {**cell.settings.model_dump(mode="json"), **candidate}
        yield parse(Settings, given, where="search candidate")


def _trial(settings: Settings, cell: Cell) -> dict[str, object]:
    dataset = dataset_of(cell.dataset)
    names = ("model", "hidden", "activation", "init", "dropout", "model_options", "optimizer")
    kept = (*names, "optimizer_options", "momentum", "experiment", "experiment_options")
    said: Mapping[str, object] = settings.model_dump(mode="json", include=set(kept))
    return {
        "settings": dict(said),
        "dataset": cell.dataset if is_own(cell.dataset) else None,
        "input_shape": inputs_in_use(dataset, settings),
        "outputs": outputs_in_use(dataset, settings),
        "batches": [min(size, LARGEST_BATCH) for size in batch_sizes(settings, dataset)],
    }


def _own_parts(trial: Mapping[str, object]) -> Iterator[str]:
    settings = trial["settings"]
    assert isinstance(settings, dict)
    named = {"dataset": trial["dataset"], **{part: settings[part] for part in PARTS}}
    return (f"{part} {name!r}" for part, name in named.items() if name and is_own(str(name)))


def _where(use: Use) -> str:
    there = use.track if use.context is None else f"context {use.context}"
    place = "/".join(filter(None, (use.claim, use.variant, use.dataset, there)))
    return f"{place}: level {use.level!r}"
