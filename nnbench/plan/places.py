"""Where the levels of a claim are compared, and the settings that all of them have there, checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nnbench.cells.cell import dataset_of
from nnbench.claims.claim import Claim
from nnbench.claims.config import Config, resolve_settings
from nnbench.claims.contexts import TRAIN_SHARE, Context
from nnbench.claims.looks import AUTO, Given, fewer
from nnbench.datasets.base import Dataset
from nnbench.datasets.checks import check_settings, with_all_rows
from nnbench.datasets.selection import inputs_in_use
from nnbench.errors import NnbenchError
from nnbench.models.facts import check_model
from nnbench.plan.batches import check_batches
from nnbench.settings import Settings

Layers = tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One reading of a claim on one dataset, in one track, as written or in a context."""

    claim_id: str
    claim: Claim
    variant: str | None
    dataset_name: str
    track: str
    config: Config
    context: Context | None = None

    @property
    def where(self) -> str:
        """How errors name it."""
        place = self.track if self.context is None else f"context {self.context.name}"
        return "/".join(filter(None, (self.claim_id, self.variant, self.dataset_name, place)))

    @property
    def dataset(self) -> Dataset:
        """Its dataset."""
        return dataset_of(self.dataset_name)

    @property
    def seeds(self) -> Given:
        """Replicates of each of its levels."""
        if self.context is not None:
            return self.config.context_seeds
        own = fewer(self.config.seeds, self.claim.seeds)
        return own * self.claim.seeds_times if self.decides and own != AUTO else own

    @property
    def decides(self) -> bool:
        """Whether the claim's verdict is that of this place."""
        here = (self.variant, self.dataset_name, self.track)
        return here == (None, next(iter(self.claim.datasets)), self.claim.decided_by)

    @property
    def layers(self) -> Layers:
        """What comes before a level's own settings: each lies over those before it.

        A context sets what the claim does not: the claim's settings lie over it.
        """
        shared = (self.config.reference, self.config.dataset_settings.get(self.dataset_name, {}))
        if self.context is not None:
            return (*shared, self.context.settings, self.claim.settings)
        return (*shared, self.claim.settings, self.claim.datasets[self.dataset_name])


def checked(dataset: Dataset, layers: Layers, *, where: str) -> Settings:
    """The settings of these layers, each laid over those before it, which the dataset and the model can meet."""
    sized = tuple(_sized(layers, _samples(dataset, layers), where=where))
    settings = resolve_settings(sized, where=where)
    check_settings(dataset, settings, where=where)
    settings = with_all_rows(dataset, settings, where=where)
    check_batches(settings, dataset, where=where)
    try:
        check_model(settings, inputs_in_use(dataset, settings))
    except NnbenchError as error:
        raise error.at(where) from None
    return settings


def _samples(dataset: Dataset, layers: Layers) -> int:
    """The training samples that there are of the classes in use, if classes are equally large."""
    classes: object = None
    for layer in layers:
        classes = layer.get("classes", classes)
    if not isinstance(classes, list | tuple) or not classes or not dataset.class_names:
        return dataset.train_size
    return round(dataset.train_size * len(classes) / len(dataset.class_names))


def _sized(layers: Layers, size: int, *, where: str) -> Iterator[Mapping[str, object]]:
    """Layers with ``train_share``, a share of the training samples, as a number of them."""
    for layer in layers:
        if isinstance(given := layer.get("train_size"), int):
            size = given
        if TRAIN_SHARE not in layer:
            yield layer
            continue
        share = layer[TRAIN_SHARE]
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise NnbenchError(
                f"{where}: {TRAIN_SHARE}",
                got=repr(share),
                allowed="a number above 0, at most 1",
                todo=f"write a share of the training samples, as in {TRAIN_SHARE}: 0.1",
            )
        size = max(1, round(share * size))
        rest = {name: value for name, value in layer.items() if name != TRAIN_SHARE}
        yield {**rest, "train_size": size}
