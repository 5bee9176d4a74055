"""A job of the lease tests: take a slot, say so in a log that all append to, hold it, give it back.

Run: python lease_holder.py LOG DEVICE JOBS_PER_GPU one|alone|every
It holds its slot until its standard input is closed.
"""

from __future__ import annotations

import os
import sys

from nnbench.jobs.lease import leased


def note(log: int, *words: object) -> None:
    """One line, whole: writes to a file opened for appending do not mix."""
    os.write(log, (" ".join(map(str, words)) + "\n").encode())


def main() -> None:
    path, device, jobs, how = sys.argv[1:]
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    whole = how != "one"
    with leased(
        device, jobs_per_gpu=int(jobs), alone=how == "alone", every=how == "every"
    ) as lease:
        for slot in str(lease.slot).split(", "):
            note(log, "enter", os.getpid(), 1 if whole else jobs, slot)
        print(lease.slot, os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
        sys.stdin.read()
        for slot in str(lease.slot).split(", "):
            note(log, "leave", os.getpid(), 1 if whole else jobs, slot)


if __name__ == "__main__":
    main()
