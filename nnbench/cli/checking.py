"""``nnbench check``: what a user's own data tell about themselves, before anything is trained on them."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from nnbench.cli.options import Commands, add_command

PICTURES = Path("results", "check")


def add(commands: Commands) -> None:
    """Add the command of this file."""
    text = "Show what own data are, what in them may be no knowledge, and a picture of samples."
    check = add_command(commands, "check", text, _check)
    check.add_argument("data", nargs="+", type=Path, help="YAML files that describe own data")
    help_ = f"where the pictures go (default: {PICTURES})"
    check.add_argument("--pictures", type=Path, default=PICTURES, metavar="FOLDER", help=help_)


def _check(options: argparse.Namespace) -> None:
    from nnbench.datasets.own.look import all_notes_of, facts_of  # noqa: PLC0415 - commands load what they need
    from nnbench.report.terminal import aligned  # noqa: PLC0415

    for path in options.data:
        print(path)
        print("\n".join(aligned(list(facts_of(path)), right=[False, False])))
        print("\n".join(f"note: {note}" for note in all_notes_of(path)) or "nothing to note")
        print(f"picture: {_picture(path, options.pictures)}")


def _picture(path: Path, folder: Path) -> Path:
    """Prepare the data as a run would, and draw a few of their samples as the report does."""
    from nnbench.datasets.own.description import dataset_at  # noqa: PLC0415
    from nnbench.datasets.prepared.store import prepare  # noqa: PLC0415
    from nnbench.records.store import write_atomically  # noqa: PLC0415
    from nnbench.report.figures.samples import sample_picture  # noqa: PLC0415
    from nnbench.verdicts.provenance import facts_in  # noqa: PLC0415

    with TemporaryDirectory() as scratch:
        prepare(dataset_at(path), Path(scratch), data_folder=None, download=False)
        facts = facts_in(Path(scratch))
        image = sample_picture(facts)
    file = folder / f"{facts.name}.{image.suffix}"
    write_atomically(file, image.data)
    return file
