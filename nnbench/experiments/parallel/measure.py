"""Training on several processes: data parallel, tensor parallel, both, and on a single process.

The processes are started once and run all blocks; in each block the ways follow one another in an order drawn
from its seed. A way counts only if it computes the same as the single process.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from nnbench.engine.checkpoint import Checkpoint
from nnbench.experiments.measured import JsonObject, Measured, Metrics, Run
from nnbench.experiments.mlp import check_settings, classified_dataset
from nnbench.experiments.parallel.declared import PARALLEL, SHAPES, ParallelOptions, Way
from nnbench.experiments.parallel.processes import loopback_interface, run_together
from nnbench.experiments.parallel.ways import Job
from nnbench.experiments.parallel.worker import ANSWER, BlockFound, Found, work
from nnbench.experiments.request import Request

TOLERANCE = 1e-6
"""Limit on relative differences of 64-bit losses: rounding causes 1e-14, unaveraged gradients over 1e-2."""

STATED = {"hidden", "batch_size", "steps", "optimizer", "lr"}  # options repeated in the facts

PATIENCE = 20.0  # times the estimated seconds, after which processes count as stuck
PATIENCE_SECONDS = 300.0  # but at least this long

# Settings that all ways of training follow, and those that the experiment's own options replace.
FOLLOWED = frozenset(
    {"activation", "init", "momentum", "train_size", "inputs", "classes", "label_noise"}
    | {"shuffled_labels", "rare_class"}
)
REPLACED = frozenset(
    {"experiment", "experiment_options", "hidden", "optimizer", "lr", "batch_size", "train_for"}
    | {"evaluations", "checkpoint"}
)


def measure(request: Request) -> Measured:
    """Time every way in every block.

    Raises NnbenchError if it cannot follow a setting, the data have no classes, or a process failed.
    """
    options: ParallelOptions = request.options
    check_settings(request.settings, followed=FOLLOWED, replaced=REPLACED)
    classified_dataset(request)
    device = request.device.type
    gpus = torch.cuda.device_count() if device == "cuda" else 0
    reason = why_alone(device, gpus=gpus, processes=options.processes)
    # for other processes: an absolute path, and no state of an interrupted training
    request = replace(request, folder=request.folder.resolve(), checkpoint=Checkpoint())
    job = Job(request=request, count=1 if reason else options.processes)
    started = time.perf_counter()
    found = _run(job)
    return measured(found, job, reason=reason, seconds=time.perf_counter() - started)


def why_alone(device: str, *, gpus: int, processes: int) -> str | None:
    """Why this kind of device can run only a single process; None if it can run all."""
    if device == "cpu" or (device == "cuda" and gpus >= processes):
        return None
    if device == "cuda":
        return f"needs {processes} GPUs, one for each process (NCCL); this machine has {gpus}"
    return f"PyTorch has no communication between processes for {device}"


def _run(job: Job) -> Found:
    """Start the processes and read their results."""
    loopback = loopback_interface()
    estimate = PARALLEL.seconds(job.options, len(job.request.seeds)) if PARALLEL.seconds else 0.0
    timeout_seconds = max(PATIENCE_SECONDS, PATIENCE * estimate)
    environment = {
        "OMP_NUM_THREADS": str(job.threads),
        "GLOO_SOCKET_IFNAME": loopback,
        "NCCL_SOCKET_IFNAME": loopback,
        # an existing folder: nothing is compiled, but otherwise PyTorch would create one
        "TORCHINDUCTOR_CACHE_DIR": tempfile.gettempdir(),
    }
    with tempfile.TemporaryDirectory(prefix="nnbench-parallel-") as name:
        folder = Path(name)
        run_together(
            *(work, job, folder, timeout_seconds),
            count=job.count,
            environment=environment,
            timeout_seconds=timeout_seconds,
        )
        return Found.model_validate_json((folder / ANSWER).read_bytes())


def measured(found: Found, job: Job, *, reason: str | None, seconds: float) -> Measured:
    """The record of what the processes found.

    ``reason`` says why there was only one process, or is None; ``seconds`` is their wall-clock time.
    """
    blocks, ways = found.blocks, job.options.ways
    missing = {entry: reason for entry, way in ways.items() if reason and way != "single"}
    differences = {
        entry: max(_loss_difference(block, way) for block in blocks)
        for entry, way in ways.items()
        if entry not in missing
    }
    for entry, difference in differences.items():
        if not difference <= TOLERANCE:
            missing[entry] = (
                f"its losses differ from single-process training: by {difference:.2g} of them in 64 bits, "
                f"where rounding explains {TOLERANCE:.2g}"
            )
    timed = {entry: way for entry, way in ways.items() if entry not in missing}
    return Measured(
        runs={str(block.seed): _block_run(block, timed) for block in blocks},
        missing=missing,
        facts={
            entry: {**_division(found, job, ways[entry]), **_outcome(blocks, ways[entry])}
            for entry in differences
        },
        notes=(*shared_cores(job), _reference(blocks, job.options)),
        seconds={"measure": seconds},
        parameters=blocks[0].parameters,
    )


def _block_run(block: BlockFound, ways: dict[str, Way]) -> Run:
    """A block's seconds; a diverged training is timed too, and marked."""
    finite = all(map(math.isfinite, block.ways["single"].losses))
    seconds: Metrics = {
        f"seconds@{entry}": _seconds(block.ways[way].part_seconds) for entry, way in ways.items()
    }
    return Run(status="ok" if finite else "diverged", metrics=seconds)


def _seconds(parts: Sequence[float]) -> float:
    """For all steps, extrapolated from the median group."""
    return statistics.median(parts) * len(parts)


def _loss_difference(block: BlockFound, way: Way) -> float:
    """In 64 bits, relative to the single process."""
    return loss_difference(block.ways[way].checked_losses, block.ways["single"].checked_losses)


def loss_difference(losses: Sequence[float], reference: Sequence[float]) -> float:
    """The largest relative difference at any step; infinite if exactly one of the two is not finite."""
    return max(_relative(ours, theirs) for ours, theirs in zip(losses, reference, strict=True))


def _relative(ours: float, theirs: float) -> float:
    if math.isfinite(ours) and math.isfinite(theirs):
        # losses below a thousandth are negligible, and so are their differences
        return abs(ours - theirs) / max(abs(theirs), 1e-3)
    return 0.0 if not math.isfinite(ours) and not math.isfinite(theirs) else math.inf


def _division(found: Found, job: Job, way: Way) -> JsonObject:
    """How a way divides the work."""
    data, tensor = SHAPES[way]
    alone = way == "single"
    return {
        "way": way,
        "processes": data * tensor,
        "data_shares": data,
        "tensor_shares": tensor,
        "threads_per_process": job.request.cores if alone else job.threads,
        "backend": None if alone else found.backend,
        **job.options.model_dump(mode="json", include=STATED),
    }


def _outcome(blocks: Sequence[BlockFound], way: Way) -> JsonObject:
    """What a way computed at every step of every block, and how far that is from the single process."""
    own = {str(block.seed): block.ways[way] for block in blocks}
    moved = [found.weights_difference for found in own.values()]
    in_32_bits = [loss_difference(b.ways[way].losses, b.ways["single"].losses) for b in blocks]
    return {
        "loss_difference": _finite(max(_loss_difference(block, way) for block in blocks)),
        "loss_difference_32_bits": _finite(max(in_32_bits)),
        "weights_difference": max(moved) if all(map(math.isfinite, moved)) else None,
        "part_seconds": {seed: list(map(_rounded, w.part_seconds)) for seed, w in own.items()},
        "checked_losses": {seed: list(map(_finite, w.checked_losses)) for seed, w in own.items()},
        "losses": {seed: list(map(_rounded, w.losses)) for seed, w in own.items()},
    }


def _rounded(value: float) -> float | None:
    """Six significant digits, the precision of 32-bit numbers."""
    return _finite(float(f"{value:.6g}"))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def shared_cores(job: Job) -> tuple[str, ...]:
    """A sentence for the reader if processes share cores; none if each has its own."""
    if job.request.device.type != "cpu" or job.count <= job.request.cores:
        return ()
    cores = "1 core" if job.request.cores == 1 else f"{job.request.cores} cores"
    sentence = (
        f"{job.count} processes share {cores}, which a single process has to itself: dividing the "
        "work adds no computing power here, and communication costs time."
    )
    return (sentence,)


def _reference(blocks: Sequence[BlockFound], options: ParallelOptions) -> str:
    seconds = [_seconds(block.ways["single"].part_seconds) for block in blocks]
    return (
        f"A single process takes {statistics.median(seconds):.3g} s "
        f"for the {options.steps} steps (median of {len(blocks)} blocks)."
    )
