"""The command line: one file per group of commands, each with its options beside what it does."""

import argparse
import os
import sys
from collections.abc import Sequence

import argcomplete

from nnbench import __version__
from nnbench.cli import checking, comparing, measuring, planning, reading, running
from nnbench.cli.options import status_of
from nnbench.processes import import_from_here


def parser() -> argparse.ArgumentParser:
    """The parser; ``call`` is what the command that was given does."""
    made = argparse.ArgumentParser(
        prog="nnbench", description="Measures what documents claim about neural networks."
    )
    made.add_argument("--version", action="version", version=f"nnbench {__version__}")
    commands = made.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for group in (planning, checking, measuring, running, reading, comparing):
        group.add(commands)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors that a user can act on are printed without a traceback."""
    import_from_here()
    made = parser()
    argcomplete.autocomplete(made)
    options = made.parse_args(arguments)
    try:
        return status_of(lambda: options.call(options))
    except BrokenPipeError:  # as in `nnbench plan --json | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("nnbench: interrupted", file=sys.stderr)
        return 130
