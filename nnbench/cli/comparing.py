"""``nnbench compare`` and ``nnbench audit``: whether two runs differ, and whether records still hold."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from dataclasses import asdict
from pathlib import Path

from nnbench.cli.options import Commands, add_command, add_config, add_device, read, seed, whole


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    text = "Two results.json side by side; exit status 0: nothing changed beyond noise, 1: something did."
    compare = add_command(commands, "compare", text, _compare)
    compare.add_argument("a", type=Path, metavar="A", help="a results.json, or a folder with one")
    compare.add_argument("b", type=Path, metavar="B", help="another one")
    compare.add_argument("--json", action="store_true", help="everything that was found, as JSON")

    compare.add_argument(
        "--html", type=Path, metavar="FILE", help="also write the comparison as one offline page"
    )

    text = "Measure a random sample of finished cells again; exit status 1: some drifted or failed."
    audit = add_command(commands, "audit", text, _audit)
    add_config(audit)
    audit.add_argument("--cells", type=whole, default=5, help="how many to draw (default: 5)")
    audit.add_argument("--seed", type=seed, help="of the draw (default: a new one, which is shown)")
    source = audit.add_mutually_exclusive_group()
    source.add_argument(
        "--all", action="store_true", help="draw from records of earlier plans and code, too"
    )
    source.add_argument(
        "--report", type=Path, help="audit a published results.json, without its records"
    )
    add_device(audit)
    audit.add_argument("--cores", type=whole, help="CPU cores (default: all)")
    audit.add_argument("--json", action="store_true", help="everything that was found, as JSON")


def _compare(options: argparse.Namespace) -> int:
    from nnbench.audit.compare import compare  # noqa: PLC0415 - commands load what they need
    from nnbench.audit.text import compare_text  # noqa: PLC0415

    found = compare(options.a, options.b)
    text = compare_text(found, names=(str(options.a), str(options.b)))
    print(json.dumps(found.to_json(), indent=1) if options.json else text)
    if options.html:
        from nnbench.audit.page import write_page  # noqa: PLC0415

        write_page(found, options.html, names=(str(options.a), str(options.b)))
        print(f"wrote {options.html}", file=sys.stderr)
    return int(found.differs)


def _audit(options: argparse.Namespace) -> int:
    from nnbench.audit.audit import audit  # noqa: PLC0415
    from nnbench.audit.subjects import finished, reported  # noqa: PLC0415
    from nnbench.audit.text import audit_text  # noqa: PLC0415
    from nnbench.jobs.provenance import cores_there  # noqa: PLC0415

    config = read(options)
    there = (
        reported(options.report, config)
        if options.report
        else finished(config, everything=options.all)
    )
    found = audit(
        there,
        config,
        cells=options.cells,
        seed=secrets.randbits(31) if options.seed is None else options.seed,
        device=options.device or config.device,
        cores=options.cores or cores_there(),
    )
    print(json.dumps(asdict(found), indent=1) if options.json else audit_text(found))
    return int(found.differs)
