"""What the command line takes: commands, their options, and how an option's text is checked."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from nnbench import __version__

DEFAULT_CONFIG = "config/config.yaml"


def parser() -> argparse.ArgumentParser:
    """The parser; ``command`` is the name of the command that was given."""
    made = argparse.ArgumentParser(
        prog="nnbench", description="Measures what documents claim about neural networks."
    )
    made.add_argument("--version", action="version", version=f"nnbench {__version__}")
    commands = made.add_subparsers(required=True, metavar="COMMAND", dest="command")

    def command(name: str, text: str, *, config: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        if config:
            _add_config(sub)
        return sub

    plan = command("plan", "Show claims, cells, what is done, what would run, and for how long.")
    plan.add_argument("--json", action="store_true", help="every cell's document, one a line")
    plan.add_argument("--cores", type=_cores, default=None, help="cores to estimate the time for")

    prepare = command("prepare", "Prepare one dataset.", config=False)
    prepare.add_argument("name")
    prepare.add_argument("folder", type=Path)
    prepare.add_argument("--data-folder", type=Path, default=Path("data"))
    prepare.add_argument("--download", action="store_true", help="fetch missing files")

    _add_run(command("run", "Measure one cell and write its record."))

    command("aggregate", "Records to tables (results/aggregate).")
    command("judge", "Tables to reports/results.json.")
    command("report", "reports/results.json to HTML, Markdown and CSV.")

    compare = command(
        "compare",
        "Two results.json side by side; exit status 0: nothing changed beyond noise, 1: something did.",
        config=False,
    )
    compare.add_argument("a", type=Path, metavar="A", help="a results.json, or a folder with one")
    compare.add_argument("b", type=Path, metavar="B", help="another one")
    compare.add_argument("--json", action="store_true", help="everything that was found, as JSON")

    _add_audit(
        command(
            "audit",
            "Measure a random sample of finished cells again; exit status 1: some drifted or failed.",
        )
    )

    schemas = command("schemas", "Write the JSON schemas of the config files.", config=False)
    schemas.add_argument("folder", type=Path, nargs="?", default=Path("workflow/schemas"))
    return made


def _add_config(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--config",
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"a config file, or its content as JSON (default: {DEFAULT_CONFIG})",
    )
    sub.add_argument(
        "--configfile",
        action="append",
        default=[],
        metavar="FILE",
        help="a file laid over it, as Snakemake's --configfile; can be repeated",
    )


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "cell", help="a cell's document as JSON, or the id (or its beginning) of a planned cell"
    )
    run.add_argument(
        "--seeds", type=_cores, default=None, help="how many (default: as many as are planned)"
    )
    run.add_argument(
        "--blocks",
        nargs="+",
        default=[],
        metavar="FIRST-LAST",
        help="only these blocks of five seeds, as in 5-9 (default: all)",
    )
    run.add_argument(
        "--results",
        type=Path,
        help="where its records go (default: the config's folder of results)",
    )
    run.add_argument("--data", type=Path, help="the prepared dataset's manifest or folder")
    run.add_argument(
        "--device", type=_device, help="auto, cpu, cuda, cuda:N or mps (default: the config's)"
    )
    run.add_argument("--cores", type=_cores, default=None, help="CPU cores for it (default: all)")
    run.add_argument(
        "--jobs-per-gpu",
        type=_cores,
        default=None,
        help="jobs that share a GPU (default: the config's)",
    )
    run.add_argument(
        "--checkpoint-seconds",
        type=_seconds,
        default=None,
        metavar="SECONDS",
        help="how often a training is saved, at most, for the next job to go on from (default: 60)",
    )
    run.add_argument(
        "--reuse", action="store_true", help="leave blocks alone that have a valid record"
    )
    run.add_argument(
        "--end-with-parent",
        action="store_true",
        help="end, saving its state, when the process that started it is gone (Snakemake's jobs do)",
    )


def _add_audit(audit: argparse.ArgumentParser) -> None:
    audit.add_argument("--cells", type=_cores, default=5, help="how many to draw (default: 5)")
    audit.add_argument(
        "--seed", type=_seed, default=None, help="of the draw (default: a new one, which is shown)"
    )
    source = audit.add_mutually_exclusive_group()
    source.add_argument(
        "--all", action="store_true", help="draw from records of earlier plans and code, too"
    )
    source.add_argument(
        "--report", type=Path, help="audit a published results.json, without its records"
    )
    audit.add_argument(
        "--device", type=_device, help="auto, cpu, cuda, cuda:N or mps (default: the config's)"
    )
    audit.add_argument("--cores", type=_cores, default=None, help="CPU cores (default: all)")
    audit.add_argument("--json", action="store_true", help="everything that was found, as JSON")


def _cores(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"a number of seconds from 0, got {text!r}")
    return seconds


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"a whole number from 0, got {text!r}")
    return int(text)


def _device(text: str) -> str:
    from nnbench.claims.config import DEVICE  # noqa: PLC0415

    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"auto, cpu, cuda, cuda:N or mps, got {text!r}")
    return text
