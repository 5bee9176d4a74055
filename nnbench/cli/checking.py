"""``nnbench check``: what a user's own data tell about themselves, before anything is trained on them."""

from __future__ import annotations

import argparse
from pathlib import Path

from nnbench.cli.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add the command of this file."""
    text = "Show what own data are, and what in them may be no knowledge."
    check = add_command(commands, "check", text, _check)
    check.add_argument("data", nargs="+", type=Path, help="YAML files that describe own data")


def _check(options: argparse.Namespace) -> None:
    from nnbench.datasets.own.look import all_notes_of, facts_of  # noqa: PLC0415 - commands load what they need
    from nnbench.report.terminal import aligned  # noqa: PLC0415

    for path in options.data:
        print(path)
        print("\n".join(aligned(list(facts_of(path)), right=[False, False])))
        print("\n".join(f"note: {note}" for note in all_notes_of(path)) or "nothing to note")
