"""Cells measured once more, in a scratch folder, each in a process of its own, as Snakemake does.

However it ends, it leaves no files and no processes behind.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnbench.cells.cell import Cell, block_name, runs_alone
from nnbench.claims.config import Config
from nnbench.datasets.prepared.manifest import MANIFEST
from nnbench.processes import Child, Ended, last_lines, run_children
from nnbench.records.record import Record
from nnbench.records.store import RejectedRecordError, dataset_folder, read_record, record_path

# set as Snakemake sets them for its jobs, so that numpy's libraries sum in the same order
_THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")

Say = Callable[[str], None]
Block = tuple[int, ...]  # seeds that have one record
_Key = tuple[str, tuple[Block, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A cell and the blocks of seeds in which to measure it."""

    cell: Cell
    blocks: tuple[Block, ...]

    @property
    def key(self) -> _Key:
        """Tasks with the same key are the same."""
        return self.cell.id, self.blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What became of a task: the new records, or none and the last lines that its process wrote."""

    records: tuple[Record, ...] = ()
    output: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setup:
    """Where and with what to measure."""

    config: Config
    device: str
    cores: int
    scratch: Path
    say: Say

    def data(self, dataset: str) -> Path:
        return dataset_folder(Path(self.config.results), dataset)

    def cores_for(self, task: Task) -> int:
        return self.cores if runs_alone(task.cell) else task.cell.threads

    def child(self, *arguments: str, threads: int) -> Child:
        limits = {f"{name}_NUM_THREADS": str(threads) for name in _THREADS}
        return Child(
            command=(sys.executable, "-m", "nnbench", *arguments),
            environment={**os.environ, **limits, "TMPDIR": str(self.scratch)},
        )


def measure_again(
    tasks: Sequence[Task], config: Config, *, device: str, cores: int, say: Say
) -> list[Rerun]:
    """Measure anew: as many cells at once as the cores allow, then one by one those that time.

    Missing datasets are prepared first, where the config says. After Ctrl-C all processes have ended.
    """
    # a process of a killed session may still be dying while its files are removed
    with tempfile.TemporaryDirectory(prefix="nnbench-audit-", ignore_cleanup_errors=True) as folder:
        setup = _Setup(config=config, device=device, cores=cores, scratch=Path(folder), say=say)
        broken = _prepare({task.cell.dataset for task in tasks}, setup)
        # several old cells may be one and the same today
        distinct = {task.key: task for task in tasks if task.cell.dataset not in broken}.values()
        found = _run([task for task in distinct if not runs_alone(task.cell)], setup)
        found |= _run([task for task in distinct if runs_alone(task.cell)], setup)
    return [broken.get(task.cell.dataset) or found[task.key] for task in tasks]


def _prepare(names: Iterable[str], setup: _Setup) -> dict[str, Rerun]:
    """Prepare the datasets that are not; what becomes of the cells of those that cannot be."""
    missing = [name for name in sorted(names) if not (setup.data(name) / MANIFEST).exists()]
    options = ["--data-folder", setup.config.data_folder]
    options += ["--download"] if setup.config.download else []
    children = []
    for name in missing:
        setup.say(f"preparing {name}")
        command = ("prepare", name, str(setup.data(name)), *options)
        children.append(setup.child(*command, threads=setup.cores))
    ends = zip(missing, run_children(children), strict=True)
    return {name: Rerun(output=_last_words(ended)) for name, ended in ends if ended.failure}


def _run(tasks: Sequence[Task], setup: _Setup) -> dict[_Key, Rerun]:
    def say(index: int, ended: Ended) -> None:
        how = "failed" if ended.failure else "measured again"
        setup.say(f"cell {tasks[index].cell.id}: {how} in {ended.seconds:.0f} s")

    # a folder of results per task: two may measure blocks of the same cell
    folders = [setup.scratch / f"{task.cell.id}-{n}" for n, task in enumerate(tasks)]
    children = [_job(task, setup, to=folder) for task, folder in zip(tasks, folders, strict=True)]
    most = max(map(setup.cores_for, tasks), default=1)
    ends = run_children(children, at_once=max(1, setup.cores // most), ended=say)
    found = zip(tasks, folders, ends, strict=True)
    return {task.key: _rerun(task, folder, ended) for task, folder, ended in found}


def _job(task: Task, setup: _Setup, *, to: Path) -> Child:
    cores = setup.cores_for(task)
    return setup.child(
        *("run", task.cell.to_json(), "--seeds", str(task.blocks[-1][-1] + 1)),
        *("--blocks", *map(block_name, task.blocks)),
        *("--results", str(to), "--data", str(setup.data(task.cell.dataset))),
        *("--device", setup.device, "--cores", str(cores)),
        *("--jobs-per-gpu", str(setup.config.jobs_per_gpu), "--end-with-parent"),
        threads=cores,
    )


def _rerun(task: Task, folder: Path, ended: Ended) -> Rerun:
    if ended.failure:
        return Rerun(output=_last_words(ended), seconds=ended.seconds)
    try:
        paths = [record_path(folder, task.cell.id, block) for block in task.blocks]
        return Rerun(records=tuple(map(read_record, paths)), seconds=ended.seconds)
    except RejectedRecordError as error:
        return Rerun(output=error.reason, seconds=ended.seconds)


def _last_words(ended: Ended) -> str:
    return "\n".join(last_lines(f"{ended.output}\n{ended.errors}")) or str(ended.failure)
