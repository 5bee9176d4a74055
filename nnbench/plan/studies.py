"""The points of a factor study become cells, as the levels of claims do; those that are the same are shared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nnbench.cells.cell import Cell, dataset_of, make_cell
from nnbench.claims.config import Config
from nnbench.claims.studies import Study, points_of
from nnbench.datasets.kinds import input_kind
from nnbench.errors import NnbenchError
from nnbench.experiments.reads import check_reads
from nnbench.plan.effects import check_effects, without_effect
from nnbench.plan.levels import Use
from nnbench.plan.places import Layers, checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A combination of levels on a data set."""

    study: str  # id
    values: Mapping[str, str]  # factor -> level, of the factors that act there
    use: Use


def study_points(study_id: str, study: Study, config: Config) -> Iterator[tuple[Point, Cell]]:
    """What a study measures, with its cells; NnbenchError where some point of it cannot be."""
    for dataset, own in study.datasets.items():
        factors = study.acting(input_kind(dataset_of(dataset)))
        shared = (config.reference, config.dataset_settings.get(dataset, {}), study.settings, own)
        drawn = points_of(study_id, study, factors, dataset=dataset)
        for number, values in enumerate(drawn, start=1):
            levels = tuple(factors[name].levels[level] for name, level in values.items())
            words = ", ".join(f"{name}: {level}" for name, level in values.items())
            where = f"{study_id}/{dataset}: point {number} ({words})"
            cell = _cell(study, dataset, shared, levels, config, where=where)
            use = Use(
                claim=study_id,
                variant=None,
                dataset=dataset,
                track="as-written",
                level=f"point {number}",
                role="level",
                cells=(cell.id,),
                seeds=study.seeds,
            )
            yield Point(study=study_id, values=values, use=use), cell


def _cell(
    study: Study, dataset: str, shared: Layers, levels: Layers, config: Config, *, where: str
) -> Cell:
    """A point's cell; NnbenchError if a setting cannot be, or acts on nothing there."""
    data = dataset_of(dataset)
    settings = checked(data, (*shared, *levels), where=where)
    written = {name for level in levels for name in level}
    check_effects(written, settings, without_effect(settings, data), where=where)
    check_reads(settings, study.metric, data, at=None, where=where)
    try:
        return make_cell(dataset, settings, threads=config.threads)
    except NnbenchError as error:  # there is no such own part
        raise error.at(where) from None
