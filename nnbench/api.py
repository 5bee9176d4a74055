"""The pipeline as functions: plan, measure, judge, report, compare. ``docs/python.md`` shows them at work.

Each imports what it needs when it is called, so that ``import nnbench`` costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnbench.audit.comparison import Comparison
    from nnbench.cells.cell import Cell
    from nnbench.plan.plan import Plan
    from nnbench.records.record import Record
    from nnbench.records.results import Results
    from nnbench.verdicts.frames import LoadedResults


def make_plan(config: str | Path = "config/config.yaml", **changes: object) -> Plan:
    """What a config asks for: its claims, and the cells that answer them. Nothing is run.

    Args:
        config: The config file. Paths inside it are relative to the working folder.
        changes: Keys of the config to replace, as with ``snakemake --config``.

    Raises:
        NnbenchError: Something in the config or its claims is wrong; the message says what and where.

    Example:
        >>> import nnbench
        >>> plan = nnbench.make_plan("config/config.yaml", only=["loss/activation"], seeds=5)
        >>> [u.level for u in plan.uses if u.track == "as-written" and u.context is None]
        ['sigmoid', 'ReLU', 'tanh', 'sigmoid', 'ReLU', 'tanh']
    """
    from nnbench.claims.config import parse_config, read_config  # noqa: PLC0415
    from nnbench.plan import plan  # noqa: PLC0415

    read = read_config(str(config))
    changed = {**read.model_dump(mode="json"), **changes}
    return plan.make_plan(parse_config(changed, where=str(config)))


def measure(
    plan: Plan, cells: Iterable[Cell] | None = None, *, cores: int | None = None
) -> dict[str, tuple[Record, ...]]:
    """Measure cells of a plan in this process, one after the other, and write their records.

    Finished seeds are read, not measured again. For many cells, `snakemake` uses all cores.

    Args:
        plan: Says how many seeds, on what device, and where the records go.
        cells: Some of its cells, or cells made from them; None: all.
        cores: CPU cores for each cell; None: all that there are.

    Returns:
        By cell id, a record per block of five seeds.

    Raises:
        NnbenchError: A dataset cannot be prepared, or the device or the results folder not used.

    Example:
        >>> import nnbench
        >>> plan = nnbench.make_plan(only=["immutable/architecture"], seeds=5)
        >>> records = nnbench.measure(plan, list(plan.cells.values())[:1])  # doctest: +SKIP
    """
    from nnbench.cells.cell import blocks_of  # noqa: PLC0415
    from nnbench.claims.looks import first_of  # noqa: PLC0415
    from nnbench.jobs.job import Job, prepare_dataset, run_job  # noqa: PLC0415
    from nnbench.jobs.marks import mark_done  # noqa: PLC0415
    from nnbench.records.store import dataset_folder  # noqa: PLC0415

    config = plan.config
    results, measured = Path(config.results), {}
    for cell in plan.cells.values() if cells is None else cells:
        data = dataset_folder(results, cell.dataset)
        prepare_dataset(
            cell.dataset, data, data_folder=Path(config.data_folder), download=config.download
        )
        job = Job(
            results=results,
            data=data,
            device=config.device,
            cores=cores,
            jobs_per_gpu=config.jobs_per_gpu,
            reuse=True,
        )
        seeds = plan.seeds.get(cell.id, first_of(config.seeds))
        measured[cell.id] = run_job(cell, blocks_of(seeds), job)
        mark_done(results, cell.id, seeds)
    return measured


def judge(plan: Plan) -> Results:
    """Every claim of a plan beside its measurements, with intervals and verdicts.

    What has no record counts as missing and says so; nothing is trained.

    Raises:
        NnbenchError: A record cannot be read.

    Example:
        >>> import nnbench
        >>> plan = nnbench.make_plan(only=["loss/activation"])
        >>> results = nnbench.judge(plan)
        >>> results.summary.claims
        89
    """
    from nnbench.verdicts import judge  # noqa: PLC0415

    return judge.judge(plan)


def write_report(results: Results, folder: str | Path) -> None:
    """Write ``results.json`` and the report: ``index.html``, ``README.md``, figures and CSV files.

    Raises:
        NnbenchError: The folder cannot be written.

    Example:
        >>> import nnbench
        >>> results = nnbench.load_results("reports").results
        >>> nnbench.write_report(results, tmp_path)
        >>> (tmp_path / "index.html").exists()
        True
    """
    from nnbench.records.store import write_atomically  # noqa: PLC0415
    from nnbench.report import write  # noqa: PLC0415

    write_atomically(Path(folder) / "results.json", results.to_json())
    write.write_report(results, Path(folder))


def compare(a: str | Path, b: str | Path) -> Comparison:
    """Two reports side by side: which levels and verdicts differ beyond the noise of seeds.

    Each is a ``results.json``, or a folder that holds one.

    Raises:
        NnbenchError: One cannot be read, or they share no claim.

    Example:
        >>> import nnbench
        >>> nnbench.compare("reports", "reports").differs
        False
    """
    from nnbench.audit.compare import compare as compared  # noqa: PLC0415
    from nnbench.records.results import read_results  # noqa: PLC0415

    return compared(read_results(Path(a)), read_results(Path(b)))


def load_results(path: str | Path = "reports") -> LoadedResults:
    """A ``results.json``, or the one in a folder, as tables.

    Raises:
        NnbenchError: It cannot be read, or is not what ``nnbench judge`` writes.

    Example:
        >>> import nnbench
        >>> loaded = nnbench.load_results("reports")
        >>> list(loaded.pairs.columns[:4])
        ['claim', 'variant', 'dataset', 'track']
        >>> sorted(loaded.verdicts["verdict"].dropna().unique())
        ['contradicted', 'inconclusive', 'not testable here', 'partly', 'reproduced', 'reproduced, small']
    """
    from nnbench.records.results import read_results  # noqa: PLC0415
    from nnbench.verdicts.frames import LoadedResults  # noqa: PLC0415

    return LoadedResults(read_results(Path(path)))
