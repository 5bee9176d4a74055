"""The process of one peer: ``python -m benchmarks.engine.worker MODULE REPLICATES CLOCK``.

It reads one JSON line per request and answers each with one: a work to prepare, or a round to train.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.engine.clock import Clock
from benchmarks.engine.works import NotMadeForThisError, named, read

Round = Callable[[], Sequence[float]]  # trains from the initial weights; final loss per replicate


def answer(
    request: dict[str, str], peer: Callable[..., Round], state: dict[str, Round], clock: Clock
) -> object:
    """Prepare the work of a request and train it once, compiling what there is to compile; or train a round."""
    started = time.perf_counter()
    if "work" in request:
        problem = read(Path(request["path"]), named(request["work"]))
        state["round"] = peer(problem, clock)
    losses = state["round"]()
    return {
        "trained": clock.seconds,
        "losses": [float(loss) for loss in losses],
        "seconds": time.perf_counter() - started,
    }


def main() -> None:
    """Serve requests until standard input ends; whatever a framework prints goes to standard error."""
    warnings.simplefilter("ignore")
    module, replicates, kind = sys.argv[1:]
    clock, state = Clock(kind), {}
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        found = importlib.import_module(f"benchmarks.engine.peers.{module}")
        print(json.dumps({"versions": found.versions()}), file=out, flush=True)

        def peer(problem: object, clock: Clock) -> Round:
            return found.prepare(problem, clock, replicates=int(replicates))

        for line in sys.stdin:
            try:
                said = answer(json.loads(line), peer, state, clock)
            except NotMadeForThisError as error:
                said = {"error": str(error)}
            except Exception as error:  # noqa: BLE001 - a failure on one work is a word in the table
                said = {"error": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"}
            print(json.dumps(said), file=out, flush=True)


if __name__ == "__main__":
    main()
