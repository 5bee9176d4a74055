"""Training on several processes: data parallel, tensor parallel, both, and on a single process.

The processes are started once and run all blocks; in each block the ways follow one another in an order drawn
from its seed. A way counts only if it computes the same as the single process.
"""

import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from nnbench.engine.checkpoint import Checkpoint
from nnbench.experiments.cost import parallel_seconds
from nnbench.experiments.measured import JsonObject, Measured, Run, finite
from nnbench.experiments.mlp import (
    FOLLOWED_BY_ALL,
    REPLACED_BY_ALL,
    check_settings,
    classified_dataset,
)
from nnbench.experiments.parallel.declared import SHAPES, ParallelOptions, Way
from nnbench.experiments.parallel.processes import (
    ANSWER,
    BlockFound,
    Found,
    loopback_interface,
    run_together,
    work,
)
from nnbench.experiments.parallel.ways import Job
from nnbench.experiments.run import Request

TOLERANCE = 1e-6
"""Limit on relative differences of 64-bit losses: rounding causes 1e-14, unaveraged gradients over 1e-2."""

STATED = {"hidden", "batch_size", "steps", "optimizer", "lr"}  # options repeated in the facts
PATIENCE = 20.0  # times the estimated seconds, after which processes count as stuck
PATIENCE_SECONDS = 300.0  # but at least this long
# Settings that all ways of training follow, and those that the experiment's own options replace.
FOLLOWED = FOLLOWED_BY_ALL | {"activation", "momentum"}
REPLACED = REPLACED_BY_ALL | {"hidden", "optimizer", "lr", "batch_size"}


def measure(request: Request) -> Measured:
    """Time every way in every block; NnbenchError for unusable settings or data, or a failed process."""
    options: ParallelOptions = request.options
    check_settings(request.settings, followed=FOLLOWED, replaced=REPLACED)
    classified_dataset(request)
    kind = request.device.type
    gpus = torch.cuda.device_count() if kind == "cuda" else 0
    reason = why_alone(kind, gpus=gpus, processes=options.processes)
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
    estimate = parallel_seconds(job.options, len(job.request.seeds))
    timeout_seconds = max(PATIENCE_SECONDS, PATIENCE * estimate)
    environment = {
        "OMP_NUM_THREADS": str(job.threads),
        **dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), loopback_interface()),
        # an existing folder: nothing is compiled, but otherwise PyTorch would create one
        "TORCHINDUCTOR_CACHE_DIR": tempfile.gettempdir(),
    }
    with tempfile.TemporaryDirectory(prefix="nnbench-parallel-") as name:
        run_together(
            *(work, job, Path(name), timeout_seconds),
            count=job.count,
            environment=environment,
            timeout_seconds=timeout_seconds,
        )
        return Found.model_validate_json(Path(name, ANSWER).read_bytes())


def measured(found: Found, job: Job, *, reason: str | None, seconds: float) -> Measured:
    """The record of what the processes found; ``reason`` says why there was only one, if so."""
    blocks, ways = found.blocks, job.options.ways
    missing = {
        entry: reason for entry, way in ways.items() if reason and math.prod(SHAPES[way]) > 1
    }
    differences = {
        entry: _difference(blocks, way, "checked_losses")
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
    alone = statistics.median(block.ways["single"].seconds for block in blocks)
    reference = (
        f"A single process takes {alone:.3g} s "
        f"for the {job.options.steps} steps (median of {len(blocks)} blocks)."
    )
    return Measured(
        runs={
            str(block.seed): Run(  # a diverged training is timed too, and marked
                status="ok" if all(map(math.isfinite, block.ways["single"].losses)) else "diverged",
                metrics={
                    f"seconds@{entry}": block.ways[way].seconds for entry, way in timed.items()
                },
            )
            for block in blocks
        },
        missing=missing,
        facts={entry: _facts(found, job, ways[entry]) for entry in differences},
        notes=(*shared_cores(job), reference),
        seconds={"measure": seconds},
        parameters=blocks[0].parameters,
    )


def _difference(blocks: Sequence[BlockFound], way: Way, losses: str) -> float:
    """From the single process, over all blocks."""
    return max(
        loss_difference(getattr(b.ways[way], losses), getattr(b.ways["single"], losses))
        for b in blocks
    )


def loss_difference(losses: Sequence[float], reference: Sequence[float]) -> float:
    """The largest relative difference at any step; infinite if exactly one of the two is not finite."""
    pairs = [pair for pair in zip(losses, reference, strict=True) if any(map(math.isfinite, pair))]
    if not all(math.isfinite(loss) for pair in pairs for loss in pair):
        return math.inf
    # losses below a thousandth are negligible, and so are their differences
    return max((abs(ours - theirs) / max(abs(theirs), 1e-3) for ours, theirs in pairs), default=0.0)


def _facts(found: Found, job: Job, way: Way) -> JsonObject:
    """How a way divides the work, and what it computed at every step of every block."""
    data, tensor = SHAPES[way]
    rounded = partial(finite, digits=6)  # the precision of 32-bit numbers
    own = {str(block.seed): block.ways[way] for block in found.blocks}
    moved = [result.weights_difference for result in own.values()]
    return {
        "way": way,
        "processes": data * tensor,
        "data_shares": data,
        "tensor_shares": tensor,
        "threads_per_process": job.threads_in(way),
        "backend": found.backend if data * tensor > 1 else None,
        **job.options.model_dump(mode="json", include=STATED),
        "loss_difference": finite(_difference(found.blocks, way, "checked_losses")),
        "loss_difference_32_bits": finite(_difference(found.blocks, way, "losses")),
        "weights_difference": max(moved) if all(map(math.isfinite, moved)) else None,
        "part_seconds": {seed: list(map(rounded, w.part_seconds)) for seed, w in own.items()},
        "checked_losses": {seed: list(map(finite, w.checked_losses)) for seed, w in own.items()},
        "losses": {seed: list(map(rounded, w.losses)) for seed, w in own.items()},
    }


def shared_cores(job: Job) -> tuple[str, ...]:
    """A sentence for the reader if processes share cores; none if each has its own."""
    if job.request.device.type != "cpu" or job.count <= job.request.cores:
        return ()
    cores = "1 core" if job.request.cores == 1 else f"{job.request.cores} cores"
    shared = f"{job.count} processes share {cores}, which a single process has to itself"
    why = "dividing the work adds no computing power here, and communication costs time"
    return (f"{shared}: {why}.",)
