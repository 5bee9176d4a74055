"""Options that several commands share, and how an option's text is checked."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nnbench.errors import NnbenchError
from nnbench.registry import DEVICE

if TYPE_CHECKING:
    from nnbench.claims.config import Config

HOME = Path(__file__).parent.parent.parent  # the project, if the package lies in one
TROUBLE = 2  # as diff(1) and argparse have it; 1 says that what was compared differs
_CHANGE = re.compile(r"[\w.-]+=")
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001


def status_of(call: Callable[[], int | None]) -> int:
    """Do something and return its exit status; errors that a user can act on are printed without a traceback."""
    try:
        return call() or 0
    except (NnbenchError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        print(f"nnbench: error: {error}", file=sys.stderr)
        return TROUBLE


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
    """``--config`` and ``--configfile``, as Snakemake has them."""
    command.add_argument(
        "--config",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE|FILE",
        help="keys to change, as with Snakemake's --config; or another config file than "
        "config/config.yaml, or its content as JSON",
    )
    command.add_argument(
        "--configfile",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="files laid over it, as with Snakemake's --configfile",
    )


def add_claims(command: argparse.ArgumentParser) -> None:
    """Claims, by id or pattern."""
    claims = command.add_argument(
        "claims",
        nargs="*",
        metavar="CLAIM",
        help="only these claims, such as 'loss/*' (default: all)",
    )
    claims.completer = claim_ids  # type: ignore[attr-defined]  # argcomplete looks for it


def claim_ids(**_: object) -> list[str]:
    """Every claim of the default config, for tab completion."""
    from nnbench.claims.config import (  # noqa: PLC0415 - commands load what they need
        read_config,
        read_documents,
        studies_of,
    )
    from nnbench.claims.selection import default_config  # noqa: PLC0415

    config = read_config(str(default_config(HOME)))
    documents = read_documents(config)
    claims = [f"{document.document}/{name}" for document in documents for name in document.claims]
    return [*claims, *studies_of(config)]


def changes(options: argparse.Namespace) -> list[str]:
    """The ``KEY=VALUE`` texts of ``--config``."""
    return [text for text in options.config if _CHANGE.match(text)]


def read(options: argparse.Namespace) -> Config:
    """The config that these options name."""
    from nnbench.claims.config import read_config  # noqa: PLC0415
    from nnbench.claims.selection import changes_of, read_run  # noqa: PLC0415

    sources = [text for text in options.config if not _CHANGE.match(text)] or [_defaults()]
    changed = changes_of(changes(options))
    if claims := getattr(options, "claims", None):
        changed["only"] = list(claims)
    if sources[0].lstrip().startswith("{"):  # from Snakemake's rules, with all that applies
        if changed or options.configfile or sources[1:]:
            raise NnbenchError("a config as JSON stands alone", todo="leave the other options out")
        return read_config(sources[0])
    base, *others = map(Path, sources)
    return read_run(base, [*others, *map(Path, options.configfile)], changed)


def _defaults() -> str:
    """The config file without ``--config``; says so if it is another folder's."""
    from nnbench.claims.selection import default_config, elsewhere  # noqa: PLC0415

    base = default_config(HOME)
    for message in elsewhere(base):
        print(f"nnbench: {message}", file=sys.stderr)
    return str(base)


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
