"""The process that loads one framework and trains: ``python -m … FRAMEWORK THREADS < problem.npz > outcome``.

It writes a line before the outcome: it has loaded the framework, and waits for its problem. It may be one of
several, which get ready at the same time and train one after the other.
"""
# ruff: noqa: PLC0415 - a framework is loaded only where it trains

import math
import os
import sys
from typing import cast, get_args

from nnbench.errors import NnbenchError
from nnbench.experiments.frameworks.declared import Framework
from nnbench.experiments.frameworks.problem import Outcome, Problem, Train, unpack_problem
from nnbench.processes import end_with_parent, use_cores

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def command(framework: Framework, *, threads: int) -> list[str]:
    """The command that starts this process."""
    return [sys.executable, "-m", "nnbench.experiments.frameworks.worker", framework, str(threads)]


def limits(*, threads: int, device: str, index: int | None = None) -> dict[str, str]:
    """The environment for so many threads and one device; ``index`` is among the GPUs that are seen here."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")  # by the driver's numbers or names
    gpu = seen.split(",")[index or 0] if seen else str(index or 0)
    one = {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"}
    return {
        **os.environ,
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        **(one if threads == 1 else {}),
        "CUDA_VISIBLE_DEVICES": gpu if device == "cuda" else "-1",
        "JAX_PLATFORMS": device,
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def trainer(framework: Framework) -> Train:
    """Load a framework and return its training function."""
    # one framework per process: none may take memory, threads or start-up time from another
    match framework:
        case "tensorflow":
            from nnbench.experiments.frameworks.tensorflow_loop import train
        case "tensorflow_slices":
            from nnbench.experiments.frameworks.tensorflow_loop import train_on_slices as train
        case "keras":
            from nnbench.experiments.frameworks.tensorflow_loop import fit as train
        case "pytorch":
            from nnbench.experiments.frameworks.pytorch_loop import train
        case "pytorch_slices":
            from nnbench.experiments.frameworks.pytorch_loop import train_on_slices as train
        case "jax":
            from nnbench.experiments.frameworks.jax_loop import train
    return train


def run(train: Train, problem: Problem) -> Outcome:
    """Train; NnbenchError if the training diverged."""
    outcome = train(problem)
    if not all(map(math.isfinite, outcome.train_loss)):
        raise NnbenchError(
            "the training diverged", got=f"losses {outcome.train_loss}", todo="set a smaller lr"
        )
    return outcome


def main() -> None:
    """Read the problem and write the outcome; whatever a framework prints goes to stderr."""
    end_with_parent()
    framework, threads = sys.argv[1:]
    if framework not in get_args(Framework):
        sys.exit(f"no framework {framework!r}; allowed: {', '.join(get_args(Framework))}")
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)
        use_cores(int(threads))
        train = trainer(cast("Framework", framework))
        print("ready", file=answer, flush=True)
        problem = unpack_problem(sys.stdin.buffer.read())
        try:
            answer.write(run(train, problem).model_dump_json())
        except NnbenchError as error:
            sys.exit(str(error))
    os._exit(0)  # frameworks take a second to leave, and nothing is left to do


if __name__ == "__main__":
    main()
