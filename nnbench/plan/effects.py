"""Which settings a cell's numbers do not depend on, so that a claim cannot compare them (no torch).

What each registered model and experiment reads is declared here. An own one may read anything: where it does
not, its curves show it (``verdicts.findings``).
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from nnbench.cells.cell import canonical
from nnbench.datasets.base import Dataset
from nnbench.datasets.selection import (
    classes_in_use,
    in_proportion,
    pseudo_labelled_size,
    samples_by_class,
    train_size,
    whole,
)
from nnbench.errors import NnbenchError
from nnbench.models.facts import OPTIONS, RECURRENT, SMALLEST_SIDE
from nnbench.settings import Settings

Reasons = Mapping[
    str, str
]  # why each has no effect; ``model_options.skip`` is one of a model's options

_DATA = frozenset(
    {"init", "train_size", "inputs", "classes", "label_noise", "shuffled_labels", "rare_class"}
)
READS: Mapping[str, frozenset[str]] = {
    "frameworks": _DATA | {"hidden", "lr", "batch_size"},
    "parallel": _DATA | {"activation", "momentum"},
    "inference_speed": frozenset(),
    "training_speed": frozenset(),
    "step_time": frozenset(),
    "starts": _DATA | {"loss"},
}
"""The settings that experiments other than trainings read, beside their options."""
_DEFAULTS = Settings()
_NO_LAYER = "there is no hidden layer for it to act on"


def without_effect(settings: Settings, dataset: Dataset) -> Reasons:
    """The settings of a cell that nothing reads, whatever they are, and why."""
    if settings.experiment == "training":
        return {**_of_model(settings), **_of_labels(settings), **_of_length(settings, dataset)}
    if settings.experiment not in READS:
        return {}
    read = READS[settings.experiment] | {"experiment", "experiment_options"}
    why = f"experiment {settings.experiment!r} does not read it"
    return dict.fromkeys((name for name in Settings.model_fields if name not in read), why)


def _of_model(settings: Settings) -> Reasons:
    model, hidden = settings.model, settings.hidden
    if model in SMALLEST_SIDE:
        why = f"{model} has layers, activations, dropout and initial weights of its own"
        return dict.fromkeys(("hidden", "activation", "dropout", "init"), why)
    if model in RECURRENT:
        return {"activation": f"the gates and states of {model} have fixed activations"}
    found = {}
    if model in ("mlp", "cnn") and not hidden:
        found["dropout"] = _NO_LAYER
    if model == "mlp" and not hidden:
        found |= dict.fromkeys(("activation", "model_options.norm"), _NO_LAYER)
    if model == "mlp" and all(a != b for a, b in pairwise(hidden)):
        found["model_options.skip"] = "no hidden layer is as wide as the hidden layer before it"
    return found


def _of_labels(settings: Settings) -> Reasons:
    if settings.label_noise:
        return {}
    return dict.fromkeys(("label_noise_to", "label_noise_of"), "no label is wrong")


def _of_length(settings: Settings, dataset: Dataset) -> Reasons:
    """What a training is too short, or its data too few, to show; an earlier one may not be."""
    if settings.pretrain is not None or settings.before:
        return {}
    if (drift := settings.drift) is not None:
        why = "what starts anew after the drift is not trained before it"
        return {"train_for": why} if drift.anew else {}
    size, found = samples(settings, dataset), {}
    steps = settings.total_steps(size)
    readings = min(settings.evaluation_points(), steps)
    if settings.batch_size > size and "gradient_noise" not in settings.probes:
        found["batch_size"] = f"there are {size} training samples, so that a batch is all of them"
    if steps == 1:
        found["schedule"] = "there is one step"
    if settings.patience is not None and settings.patience >= readings:
        found["patience"] = f"validation is read {readings} times, so that it cannot run out"
    if readings == 1:
        found["checkpoint"] = "validation is read once, at the end"
    return found


def samples(settings: Settings, dataset: Dataset) -> int:
    """Training samples of a replicate."""
    size = train_size(dataset, settings)
    joining = pseudo_labelled_size(dataset, settings)
    return whole(sum(samples_by_class(size, dataset, settings) or (size,)) + joining, settings)


def effective(settings: Settings, dataset: Dataset, *, at: str | None) -> str:
    """A cell's settings as far as they matter for what is read ``at`` a place, as canonical JSON.

    Different spellings of one training are the same: a default written out, a budget in epochs or steps.
    """
    said = settings.model_dump(mode="json")
    if settings.experiment == "training":
        said |= _spelled_out(settings, dataset, at=at)
    for name in without_effect(settings, dataset):
        section, _, option = name.partition(".")
        (said[section] if option else said).pop(option or section, None)
    return canonical(said)


def _spelled_out(settings: Settings, dataset: Dataset, *, at: str | None) -> dict[str, object]:
    size = train_size(dataset, settings)
    steps = settings.total_steps(samples(settings, dataset))
    usual_loss = "mse" if dataset.task == "regression" else "cross_entropy"
    return {
        "model_options": {**OPTIONS.get(settings.model, {}), **settings.model_options},
        "train_size": size,
        "validation_size": settings.validation_size
        or in_proportion(dataset.validation_size, dataset, settings),
        "classes": classes_in_use(dataset, settings),
        "loss": settings.loss or usual_loss,
        "train_for": steps,
        "evaluations": min(settings.evaluation_points(), steps),
        # further tests and measurements change no training
        "shifts": settings.shifts[at].model_dump(mode="json") if at in settings.shifts else None,
        "streams": settings.streams[at].model_dump(mode="json") if at in settings.streams else None,
        "probes": (),
    }


def check_effects(
    written: Iterable[str], settings: Settings, reasons: Reasons, *, where: str
) -> None:
    """NnbenchError for a setting that was written down, is not as usual, and has no effect.

    ``written`` are the settings' names, ``reasons`` what has no effect, and why.
    """
    names = set(written)
    for name, why in reasons.items():
        section, _, option = name.partition(".")
        if section not in names:
            continue
        usual = OPTIONS[settings.model][option] if option else getattr(_DEFAULTS, section)
        value = getattr(settings, section)
        value = value.get(option, usual) if option else value
        if value != usual:
            raise NnbenchError(
                f"{where}: {name} has no effect: {why}",
                got=f"{name}: {value}",
                todo="remove it, or change what keeps it from acting",
            )


def difference(a: Settings, b: Settings, reasons: Reasons) -> str:
    """What two settings of the same training differ in, and why it has no effect where that is known."""
    told = []
    for name in Settings.model_fields:
        if getattr(a, name) != getattr(b, name):
            why = [why for key, why in reasons.items() if key.partition(".")[0] == name]
            told.append(f"{name} ({why[0]})" if why else name)
    return ", ".join(told)
