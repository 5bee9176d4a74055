"""µs per model and optimiser step: nnbench against what its users would write or install instead.

    python -m benchmarks.engine [--quick] [--works TEXT …] [--peers NAME …] [--rounds N] [--out FOLDER]

Each peer does the same work in a process of its own, with one thread on one core: the same initial weights,
samples, order of batches, Adam. All take turns, round by round, from the same initial weights; shown is the
median over rounds. Compilation, data preparation and evaluation are not timed. A peer whose final loss is
another than plain PyTorch's has done other work: its row is void. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.engine import results
from benchmarks.engine.children import PEERS, Child, Rounds, installed, measure
from benchmarks.engine.works import REGISTERED, WORKS, Work, drawn, write

AGAINST_PLAIN = ("pytorch", "nnbench 1", "nnbench 10")


def arguments() -> argparse.Namespace:
    about, *_ = __doc__.splitlines()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=about)
    add = parser.add_argument
    add(
        "--works",
        nargs="+",
        metavar="TEXT",
        default=[""],
        help="works whose names contain one of these",
    )
    add(
        "--peers",
        nargs="+",
        metavar="NAME",
        choices=PEERS,
        default=list(PEERS),
        help=", ".join(PEERS),
    )
    add("--rounds", type=int, default=5)
    add("--clock", choices=("wall", "cpu"), default="wall", help="cpu: beside other load")
    add(
        "--quick",
        action="store_true",
        help="two rounds of the first works, without the registered models",
    )
    add("--out", type=Path, help="renew RESULTS.md there, and write engine.json and engine.svg")
    return parser.parse_args()


def run(
    works: list[Work], peers: list[str], folder: Path, *, rounds: int, clock: str
) -> list[Rounds]:
    """Measure every work by every peer, one work after the other."""
    children = [Child(name, clock) for name in peers]
    done = []
    try:
        for work in works:
            path = folder / "problem.npz"
            write(drawn(work), path)
            done.append(measure(work, children, path, rounds=rounds))
            print(results.text(done[-1]), flush=True)
    finally:
        for child in children:
            child.close()
    return done


def chosen(works: tuple[Work, ...], texts: list[str]) -> list[Work]:
    return [work for work in works if any(text in work.name for text in texts)]


def main() -> None:
    asked = arguments()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # of the peers' processes, too
    torch.set_num_threads(1)
    rounds = 2 if asked.quick else asked.rounds
    peers, missing = installed(asked.peers)
    for name, reason in missing.items():
        print(f"left out: {name} ({reason})", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        done = run(
            chosen(WORKS, asked.works), peers, Path(folder), rounds=rounds, clock=asked.clock
        )
        few = [name for name in peers if name in AGAINST_PLAIN]
        others = [] if asked.quick else chosen(REGISTERED, asked.works)
        registered = run(others, few, Path(folder), rounds=rounds, clock=asked.clock)
    if asked.out:
        about = {"clock": asked.clock, "rounds": rounds, "missing": missing}
        results.write(done, registered, asked.out, **about)


if __name__ == "__main__":
    main()
