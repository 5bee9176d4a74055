"""The batches of a run: composed once, whatever is finished meanwhile, and left for their jobs as files."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from nnbench.jobs.batches import Batch, batch_path, batch_seconds, compose, read_batch, write_batch
from nnbench.jobs.planned import Jobs, write_planned


class Composed:
    """What a run's jobs measure, round after round; in a remote job, what was written for it."""

    def __init__(self, results: Path, jobs: Jobs) -> None:
        self.results, self.jobs = results, jobs
        self.batches: dict[str, Batch] = {}
        self.rounds: list[list[str]] = []  # names

    def compose(
        self,
        cells: Sequence[str],
        seeds: Mapping[str, int],
        *,
        parallel: int | None,
        minutes: float | None,
        apart: Collection[str],
    ) -> None:
        """Cut the cells of one more round into batches; none of these counts as measured by an earlier run.

        Args:
            cells: What is to be measured.
            seeds: How many of each cell.
            parallel: Jobs that run at once on this machine; None: a cluster's.
            minutes: The config's ``batch_minutes``.
            apart: Cells that are in no batch with others.
        """
        planned = [self.jobs.of(cell_id) for cell_id in cells]
        seconds = batch_seconds(planned, parallel=parallel, minutes=minutes)
        batches = compose(planned, seeds, seconds=seconds, apart=apart)
        self.rounds.append(list(batches))
        self.batches |= batches
        for name in batches:
            self._path(name, ".done").unlink(missing_ok=True)

    def marks(self, *, of: str | None = None) -> list[str]:
        """The files by which Snakemake knows that batches are measured: all, or those with a cell."""
        chosen = (name for name, batch in self.batches.items() if of is None or of in batch.cells)
        return [str(self._path(name, ".done")) for name in chosen]

    def marks_of_round(self, number: int) -> list[str]:
        """Those of one round, from 0."""
        return [str(self._path(name, ".done")) for name in self.rounds[number]]

    @property
    def last_round(self) -> Sequence[str]:
        """The batches of the round that comes now; none, where what is asked for needs no cell."""
        return self.rounds[-1] if self.rounds else ()

    def of(self, name: str) -> Batch:
        """A batch by its name; NnbenchError if the file that tells a remote job is gone or damaged."""
        return self.batches.get(name) or read_batch(self._path(name, ".json"))

    def write(self) -> None:
        """Leave what the jobs of the last round have to know: for each batch, and beside each of its cells."""
        for name in self.last_round:
            batch = self.batches[name]
            self._path(name, ".log").unlink(missing_ok=True)  # of an earlier run
            write_batch(self.results, batch)
            for cell_id in batch.cells:
                write_planned(self.results, self.jobs.of(cell_id))

    def forget(self) -> None:
        """Remove what told the jobs of a run that went well what to do."""
        for name in self.batches:
            for suffix in (".json", ".log", ".done"):
                self._path(name, suffix).unlink(missing_ok=True)

    def _path(self, name: str, suffix: str) -> Path:
        return batch_path(self.results, name).with_suffix(suffix)
