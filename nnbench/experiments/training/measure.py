"""The training experiment: search (tuned track), train, test once, describe.

The only module that sees both training and test data; it opens the test set only after the final weights have
been chosen.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from nnbench.datasets.selection import classes_in_use, inputs_in_use, outputs_in_use
from nnbench.engine.data import HeldOut, held_out
from nnbench.engine.images import check_range
from nnbench.engine.importance import (
    by_first_weights,
    by_gradient,
    by_permutation,
    informative_inputs,
    recovery,
)
from nnbench.engine.probes import (
    dead_units,
    gradient_noise,
    inactive_units,
    largest_input,
    loss_rises,
)
from nnbench.engine.scores import Scores, Shifted, evaluate, uninformed
from nnbench.engine.second_task import number_error
from nnbench.engine.seeding import generators
from nnbench.engine.streams import alarms
from nnbench.engine.train import parameters_each
from nnbench.experiments.joining import together
from nnbench.experiments.measured import Chosen, JsonObject, Measured, Run, Search
from nnbench.experiments.run import Request
from nnbench.experiments.training.fit import Fitted, Groups, Job, Seeds, Timer, fit, initial
from nnbench.experiments.training.repeats import why_not_reproducible
from nnbench.experiments.training.scores import (
    Tested,
    curves_of,
    metrics_of,
    samples_of,
    status_of,
    stuck,
    untrained_metrics,
)
from nnbench.models.facts import replicates_at_once
from nnbench.registry import DATASETS, load
from nnbench.schema import parse
from nnbench.sections import Shift
from nnbench.settings import IMPORTANCES, Settings

TRAIN_SCORE_LIMIT = 10_000  # samples per replicate for the training score
SAMPLES_LIMIT = 100_000  # test samples per replicate that a record keeps one by one: 0.3 MB


def measure(request: Request) -> Measured:
    """Run the search if the cell is tuned, train the judged runs, and read the test set once."""
    job = Job(
        dataset=load("dataset", request.dataset, DATASETS),
        folder=request.folder,
        device=request.device,
        timer=Timer(),
        checkpoint=request.checkpoint,
    )
    job.checkpoint.keep("timer", vars(job.timer))
    settings = request.settings
    outputs = outputs_in_use(job.dataset, settings)
    shape = inputs_in_use(job.dataset, settings)
    parameters = parameters_each(settings, input_shape=shape, classes=outputs)
    at_once = replicates_at_once(parameters)
    tried, judged = (Groups(job.checkpoint, at_once=at_once, device=job.device) for _ in range(2))
    search = request.chosen
    if request.search and not search:
        search = _searched(job, settings, request.search, tried)
    if search:
        settings = _with(settings, search.candidates[search.chosen])
    differs = job.checkpoint.once(
        "first step",
        lambda: why_not_reproducible(job, settings, request.seeds, dataset=request.dataset),
    )
    found = judged.each(request.seeds, "runs", partial(_judged_runs, job, settings))
    return together([Measured(**group) for group in found]).model_copy(
        update={
            "search": search,
            "out_of_memory": tried.too_many + judged.too_many,
            "notes": tried.notes() + judged.notes(),
            "not_reproducible": differs,
        }
    )


def _searched(job: Job, settings: Settings, search: Search, groups: Groups) -> Chosen:
    """Mean validation loss of each candidate over the tuning seeds; the lowest is chosen.

    A run that diverged, or ended worse than an untrained predictor, counts as one (for cross-entropy: ln C).
    """
    scores = []
    for number, candidate in enumerate(search.candidates):
        losses = partial(_search_losses, job, _with(settings, candidate))
        found = groups.each(search.seeds, f"candidate {number}", losses)
        each = [loss for group in found for loss in group]
        scores.append(torch.tensor(each, dtype=torch.float64).mean().item())
    return Chosen(**dict(search), scores=tuple(scores), chosen=scores.index(min(scores)))


def _search_losses(job: Job, settings: Settings, seeds: Seeds, stage: str) -> list[float]:
    """Each tuning run's validation loss, capped at that of an untrained predictor."""
    started = time.perf_counter()
    fitted = fit(job, settings, seeds, stage=stage)
    data, trained = fitted.data, fitted.trained
    loss = evaluate(
        *(trained.model, data.bank, data.validation, fitted.objective), network=trained.network
    ).loss
    untrained = uninformed(data.bank, data.validation, fitted.objective, data.outputs).loss
    loss = torch.where(torch.tensor(trained.diverged), untrained, loss)
    job.timer.search += time.perf_counter() - started
    found: list[float] = loss.minimum(untrained).tolist()
    return found


def _judged_runs(job: Job, settings: Settings, seeds: Seeds, stage: str) -> JsonObject:
    """A group as plain data, for the checkpoint."""
    fitted = fit(job, settings, seeds, stage=stage)
    started = time.perf_counter()
    tested = _tested(job, fitted, settings, seeds)
    job.timer.evaluate += time.perf_counter() - started
    trained = fitted.trained
    stopped = {str(seed): epoch for seed, epoch in zip(seeds, trained.stopped_epochs, strict=True)}
    return Measured(
        runs={
            str(seed): Run(
                status=status_of(trained, settings, row),
                metrics=metrics_of(trained, tested, settings, row),
            )
            for row, seed in enumerate(seeds)
        },
        seconds=job.timer.seconds(),
        curves=curves_of(trained.curves),
        classes=fitted.data.outputs,
        test_samples=tested.test_samples,
        samples=samples_of(trained, tested, seeds),
        untrained=untrained_metrics(tested),
        parameters=trained.model.parameters_each(),
        stacked=trained.model.stacked,
        compiler=trained.compiler,
        steps=trained.steps,
        settings_used=settings.model_dump(mode="json"),
        search_seconds=job.timer.search,
        samples_per_second=job.timer.samples / job.timer.train if job.timer.train > 0 else None,
        stopped_epochs=None if settings.patience is None else stopped,
        pretrain=fitted.pretrain,
    ).model_dump()


def _tested(job: Job, fitted: Fitted, settings: Settings, seeds: Seeds) -> Tested:
    """Score the chosen weights on all splits; this is where the test set is opened."""
    model, data, minimised = fitted.trained.model, fitted.data, fitted.objective
    splits = {"train": data.train[:, :TRAIN_SCORE_LIMIT], "validation": data.validation}
    scores = {
        name: evaluate(model, data.bank, rows, minimised, network=fitted.trained.network)
        for name, rows in splits.items()
    }
    naive = {n: uninformed(data.bank, rows, minimised, data.outputs) for n, rows in splits.items()}
    measured = _probes(job, fitted, settings, seeds)
    if fitted.reconstruction is not None:
        measured["reconstruction_error"] = fitted.reconstruction
    if minimised.constant is not None:
        seen = data.bank.labels_at(splits["train"])
        measured["stuck"] = stuck(scores["train"].loss, seen, minimised, data.outputs)
    test = held_out(
        *(job.dataset, data.bank.normaliser, settings),
        folder=job.folder,
        seeds=seeds,
        device=job.device,
        targets=data.targets,
        fills=data.fills,
    )
    if settings.second_task:
        error = number_error(model, test.bank, test.test, data.outputs)
        measured["test_number_rmse"] = error
    by_class = data.task == "classification"
    count = test.test.shape[1]
    shared = job.dataset.kind == "fixed" and settings.split == "fixed"
    by_sample = shared and count <= SAMPLES_LIMIT
    scores["test"] = evaluate(
        *(model, test.bank, test.test, minimised), by_class=by_class, by_sample=by_sample
    )
    naive["test"] = uninformed(test.bank, test.test, minimised, data.outputs)
    shifted = _shifted(fitted, test, settings, seeds)
    for name, stream in settings.streams.items():
        found = alarms(model, data, test, stream, minimised, seeds=seeds)
        measured[f"images_to_alarm@{name}"] = found.images
        shifted[f"test@{name}"] = _changed_score(fitted, test, stream.to, seeds, found.shares)
    used = classes_in_use(job.dataset, settings) if by_class else ()
    return Tested(
        scores={**scores, **shifted},
        naive={**naive, **dict.fromkeys(shifted, naive["test"])},
        measured=measured,
        class_names=tuple(job.dataset.class_names[label] for label in used),
        test_samples=count,
        test_groups=test.groups,
        target_factor=settings.target_factor,
    )


def _shifted(fitted: Fitted, test: HeldOut, settings: Settings, seeds: Seeds) -> dict[str, Scores]:
    """Scores of the same network on shifted test images; every shift starts from the same draws."""
    if settings.shifts or settings.streams:
        check_range(test.bank.inputs)
    return {
        f"test@{name}": _changed_score(fitted, test, shift, seeds)
        for name, shift in settings.shifts.items()
    }


def _changed_score(
    fitted: Fitted,
    test: HeldOut,
    shift: Shift,
    seeds: Seeds,
    shares: Sequence[float] | None = None,
) -> Scores:
    """Scores on the shifted test images; ``shares`` of the shift's strength, by replicate."""
    model, objective = fitted.trained.model, fitted.objective
    changed = Shifted(
        bank=test.bank,
        shift=shift,
        generators=generators(seeds, "shift"),
        model=model,
        objective=objective,
        shares=shares,
    )
    return evaluate(model, changed, test.test, objective)


def _probes(job: Job, fitted: Fitted, settings: Settings, seeds: Seeds) -> dict[str, Tensor]:
    """The requested probes, (S,) each, at the tested weights or during training."""
    model, data = fitted.trained.model, fitted.data
    found: dict[str, Tensor] = {}
    if "dead_units" in settings.probes:
        found["dead_units"] = dead_units(model, data, settings)
    if "inactive_units" in settings.probes:
        found["inactive_units"] = inactive_units(model, data, settings)
    if "gradient_noise" in settings.probes:
        noise = gradient_noise(model, data, fitted.objective, settings, seeds=seeds)
        found["gradient_noise"] = noise
    if "largest_input" in settings.probes:
        found["largest_input"] = largest_input(model, data, fitted.objective)
    if "importance" in settings.probes:
        found |= _importances(job, fitted, settings, seeds)
    if "loss_rises" in settings.probes:
        found["loss_rises"] = loss_rises(fitted.trained.curves.train_loss)
    if fitted.trained.gradient_ratios is not None:
        names = ("gradient_ratio_start", "gradient_ratio")
        found |= dict(zip(names, fitted.trained.gradient_ratios, strict=True))
    return found


def _importances(job: Job, fitted: Fitted, settings: Settings, seeds: Seeds) -> dict[str, Tensor]:
    """How well rankings of the inputs find the informative ones, (S,) each: by permutation, and those of IMPORTANCES."""
    model, data, objective = fitted.trained.model, fitted.data, fitted.objective
    untrained = initial(job, settings, seeds, outputs=data.outputs)
    informative = informative_inputs(job.dataset, settings)
    permuted = partial(by_permutation, data=data, objective=objective, seeds=seeds)
    others = by_gradient(model, data, objective), by_first_weights(model), permuted(untrained)
    names = ("importance", *(f"importance@{name}" for name in IMPORTANCES))
    rankings = zip(names, (permuted(model), *others), strict=True)
    return {name: recovery(ranking.cpu(), informative) for name, ranking in rankings}


def _with(settings: Settings, candidate: Mapping[str, object]) -> Settings:
    return parse(
        Settings, {**settings.model_dump(mode="json"), **candidate}, where="search candidate"
    )
