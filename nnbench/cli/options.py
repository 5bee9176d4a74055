"""Options that several commands share, and how an option's text is checked."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from nnbench.errors import NnbenchError

if TYPE_CHECKING:
    from nnbench.claims.config import Config

DEFAULT_CONFIG = "config/config.yaml"
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001


def add_command(
    commands: Commands, name: str, text: str, call: Callable[[argparse.Namespace], int | None]
) -> argparse.ArgumentParser:
    """A command's parser; ``text`` says what the command does, ``call`` does it."""
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(call=call)
    return command


def add_device(command: argparse.ArgumentParser) -> None:
    """``--device``."""
    command.add_argument(
        "--device", type=device, help="auto, cpu, cuda, cuda:N or mps (default: the config's)"
    )


def add_config(command: argparse.ArgumentParser) -> None:
    """``--config`` and ``--configfile``, as Snakemake lays its files over one another."""
    command.add_argument(
        "--config",
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"a config file, or its content as JSON (default: {DEFAULT_CONFIG})",
    )
    command.add_argument(
        "--configfile",
        action="append",
        default=[],
        metavar="FILE",
        help="a file laid over it, as with Snakemake's --configfile; can be repeated",
    )


def read(options: argparse.Namespace) -> Config:
    """The config that these options name."""
    from nnbench.claims.config import read_config  # noqa: PLC0415 - commands load what they need

    return read_config(options.config, *options.configfile)


def whole(text: str) -> int:
    """A whole number from 1: cores, seeds, jobs."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1, got {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds from 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"a number of seconds from 0, got {text!r}")
    return value


def seed(text: str) -> int:
    """The seed of a draw."""
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"a whole number from 0, got {text!r}")
    return int(text)


def device(text: str) -> str:
    """A device's name."""
    from nnbench.claims.config import DEVICE  # noqa: PLC0415

    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"auto, cpu, cuda, cuda:N or mps, got {text!r}")
    return text


def needed(**given: object) -> None:
    """See that options were given without which a command cannot run.

    Raises:
        NnbenchError: Names those that are missing.
    """
    if missing := [f"--{name}" for name, value in given.items() if value is None]:
        raise NnbenchError(f"options are missing: {', '.join(missing)}", todo="add them")
