"""The peers' processes, and rounds in which they take turns."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import torch

from benchmarks.engine.works import Work, flops
from nnbench.engine.native.build import SWITCH

ROOT = Path(__file__).parents[2]
TOLERANCE = (
    0.02  # of a final loss against plain PyTorch's: what rounding becomes over a round's steps
)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """How a peer is started."""

    module: str  # of benchmarks.engine.peers
    needs: tuple[str, ...]
    replicates: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)


def _keras(backend: str, needs: str) -> Peer:
    return Peer(module="keras_fit", needs=("keras", needs), environment={"KERAS_BACKEND": backend})


PEERS: Mapping[str, Peer] = {
    "pytorch": Peer(module="plain", needs=("torch",)),
    "pytorch dataloader": Peer(module="dataloader", needs=("torch", "torchvision")),
    "torch.func 10": Peer(module="ensemble", needs=("torch",), replicates=10),
    "lightning": Peer(module="lightning_fit", needs=("lightning",)),
    "skorch": Peer(module="skorch_fit", needs=("skorch",)),
    "keras tensorflow": _keras("tensorflow", "tensorflow"),
    "keras jax": _keras("jax", "jax"),
    "keras torch": _keras("torch", "torch"),
    "scikit-learn": Peer(module="sklearn_fit", needs=("sklearn",)),
    "jax 10": Peer(module="jax_scan", needs=("jax", "optax"), replicates=10),
    "jax 1": Peer(module="jax_scan", needs=("jax", "optax")),
    "nnbench 10": Peer(module="nnbench_train", needs=("torch",), replicates=10),
    "nnbench 1": Peer(module="nnbench_train", needs=("torch",)),
    "nnbench 10, no compiler": Peer(
        module="nnbench_train", needs=("torch",), replicates=10, environment={SWITCH: "off"}
    ),
    "nnbench 1, no compiler": Peer(
        module="nnbench_train", needs=("torch",), environment={SWITCH: "off"}
    ),
}
ONE_THREAD = {
    **dict.fromkeys(
        (
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "TF_NUM_INTRAOP_THREADS",
            "TF_NUM_INTEROP_THREADS",
        ),
        "1",
    ),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def installed(names: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Those peers that can run here, and why the others cannot."""
    missing = {}
    for name in names:
        if lacking := [need for need in PEERS[name].needs if find_spec(need) is None]:
            missing[name] = f"{lacking[0]} is not installed"
    return [name for name in names if name not in missing], missing


class Child:
    """A peer's process, which answers one request at a time; it inherits this process's one core."""

    def __init__(self, name: str, clock: str) -> None:
        peer = PEERS[name]
        self.name, self.replicates = name, peer.replicates
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.engine.worker",
                peer.module,
                str(peer.replicates),
                clock,
            ],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD, **peer.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.versions = self._answer()["versions"]

    def ask(self, **request: str) -> dict:
        """Send a request and wait for its answer."""
        assert self.process.stdin
        with suppress(BrokenPipeError):
            print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict:
        assert self.process.stdout
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "its process died", "versions": {}}

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            self.process.communicate()


@dataclass(kw_only=True)
class Measured:
    """One peer on one work; times are µs per model and step, one per round."""

    peer: str
    versions: dict[str, str]
    times: list[float] = field(default_factory=list)
    loss: float = math.nan  # of the first replicate, over all training samples
    first_seconds: float = math.nan  # preparation, compilation and a round
    error: str | None = None

    @property
    def us(self) -> float:
        """The median over rounds."""
        return statistics.median(self.times) if self.times else math.nan


@dataclass(kw_only=True)
class Rounds:
    """All peers on one work."""

    work: Work
    peers: list[Measured]
    limit: float  # µs: the step's matrix products at the speed of a 512 x 512 one

    def void(self, peer: Measured) -> bool:
        """Whether a peer's final loss shows that it did other work than the first one, plain PyTorch."""
        expected = self.peers[0].loss
        return not abs(peer.loss - expected) <= TOLERANCE * expected


def measure(work: Work, children: list[Child], path: Path, *, rounds: int) -> Rounds:
    """Every peer's times for one work: a first round that does not count, then ``rounds`` of them."""
    able = [child for child in children if child.replicates <= work.replicates]
    found = [(child, _prepared(child, work, path)) for child in able]
    running = [(child, own) for child, own in found if own.error is None]
    products = []
    for _ in range(rounds):
        products.append(product_speed())
        for child, own in running:
            count = work.steps * child.replicates
            _add(own, child.ask(), count=count)
    limit = 1e6 * flops(work) / statistics.median(products)
    return Rounds(work=work, peers=[own for _, own in found], limit=limit)


def _prepared(child: Child, work: Work, path: Path) -> Measured:
    said = child.ask(work=work.name, path=str(path))
    own = Measured(peer=child.name, versions=child.versions, error=said.get("error"))
    own.first_seconds = said.get("seconds", math.nan)
    return own


def _add(own: Measured, said: dict, *, count: int) -> None:
    if "error" in said:
        own.error = said["error"]
        return
    own.loss = said["losses"][0]
    own.times.append(1e6 * said["trained"] / count)


def product_speed() -> float:
    """FLOP per second of a 512 x 512 product in float32 on this process's one core."""
    factor = torch.ones(512, 512)
    times = []
    for _ in range(20):
        started = time.process_time()
        torch.mm(factor, factor)
        times.append(time.process_time() - started)
    return 2 * 512**3 / statistics.median(times)
