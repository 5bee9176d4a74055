"""The fingerprint of the code that can change a cell's numbers.

It covers what a job reaches by import from its entry point, from what its experiment measures with, and
from its dataset, model, activation and optimizer. Modules that only name, check, plan or store things
are left out, and so is the whole report. ``modules`` says which modules of the user's own code count,
``meaning`` what of a file counts. No module is executed but an experiment's declaration.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from nnbench.cells import modules
from nnbench.cells.meaning import Target, Unfollowed
from nnbench.cells.modules import NEUTRAL_TO_READERS, digest, find, origin_of, reached, sha256
from nnbench.datasets.own.description import content_fingerprint
from nnbench.errors import NnbenchError
from nnbench.experiments.base import experiment_of
from nnbench.registry import (
    ACTIVATIONS,
    DATASETS,
    EXPERIMENTS,
    MODELS,
    OPTIMIZERS,
    is_data_file,
    is_own,
    target,
)

PACKAGE = modules.PACKAGE
ENTRY = "nnbench.experiments.run"
_SWAPPED = {"model": MODELS, "activation": ACTIVATIONS, "optimizer": OPTIMIZERS}


@cache
def code_fingerprint(
    dataset: str,
    model: str,
    activation: str,
    optimizer: str,
    experiment: str = "training",
    *parts: str,
) -> str:
    """SHA-256 (16 hex digits) over what the code behind one cell's numbers does.

    All names are as the cell has them; ``parts`` is what else it names, see ``further_parts``.
    NnbenchError if a module is missing, or a file of the user's own code cannot be read.
    """
    names = (
        ENTRY,
        target(experiment, EXPERIMENTS),
        experiment_of(experiment).measure,
        target(dataset, DATASETS),
        target(model, MODELS),
        target(activation, ACTIVATIONS),
        target(optimizer, OPTIMIZERS),
    )
    further = (_meant(part, text=True) for part in parts)
    return sha256([*map(_meant, names), *_own_data(dataset), *further])[:16]


def _meant(name: str, *, text: bool = False) -> str:
    """What ``module:object`` stands for; an option's ``text`` may only look like such a name."""
    module_name, _, attribute = name.partition(":")
    module = find(module_name)
    if module is None and not text:
        raise NnbenchError(
            f"{name!r} cannot be found (no module {module_name!r})",
            todo="correct the name, or install the module or add its folder to PYTHONPATH",
        )
    if module is None or not module.ours:
        return name
    origin, attribute = origin_of(module, Target(module_name, attribute))
    return f"{digest(origin) if origin else ''}:{attribute}:{digest(module)}"


def _own_data(dataset: str) -> list[str]:
    return [content_fingerprint(Path(dataset))] if is_data_file(dataset) else []


def further_parts(
    options: Mapping[str, object], candidates: Sequence[Mapping[str, object]]
) -> tuple[str, ...]:
    """What a cell names as ``module:object`` in its options and its search's candidates, sorted."""
    swapped = {
        target(str(candidate[key]), known)
        for candidate in candidates
        for key, known in _SWAPPED.items()
        if key in candidate
    }
    return tuple(sorted(swapped.union(filter(is_own, _texts([options, candidates])))))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)


def unfollowed(*names: str) -> tuple[Unfollowed, ...]:
    """What cannot be followed in own code that is named as ``module:object``, by file and line."""
    roots = [root for name in names if is_own(name) and (root := find(name.partition(":")[0]))]
    followed = {module for root in roots if root.ours for module in reached(root)}
    return tuple(sorted({found for m in followed for found in modules.unfollowed_in(m)}))


@cache
def dataset_fingerprint(dataset: str) -> str:
    """SHA-256 (16 hex digits) over the code that prepares one dataset, checksums of its data included."""
    store = _meant("nnbench.datasets.prepared.store")
    return sha256([store, _meant(target(dataset, DATASETS)), *_own_data(dataset)])[:16]


def module_fingerprint(module: str) -> str:
    """SHA-256 (16 hex digits) over one of the package's modules and all that it imports."""
    found = find(module)
    assert found is not None, module
    return digest(found, NEUTRAL_TO_READERS)[:16]
