"""``nnbench plan`` and ``nnbench schemas``: what a config asks for, and what a config may say."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from nnbench.cli.options import Commands, add_claims, add_command, add_config, read, whole


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    text = "Show claims, cells, what is done, what would run, and for how long."
    plan = add_command(commands, "plan", text, _plan)
    add_claims(plan)
    add_config(plan)
    plan.add_argument("--json", action="store_true", help="every cell's document, one per line")
    plan.add_argument(
        "--check",
        action="store_true",
        help="build and step each own model, activation and optimiser once, as every run does at its start",
    )
    plan.add_argument("--cores", type=whole, help="cores to estimate the time for")

    text = (
        "Draw contexts from the space that a file declares, and print them as its key `contexts`."
    )
    contexts = add_command(commands, "contexts", text, _contexts)
    contexts.add_argument(
        "--space", type=Path, default=Path("config/contexts.yaml"), metavar="FILE"
    )
    contexts.add_argument("--count", type=whole, default=96, help="how many (default: 96)")

    text = "Write the JSON schemas of the config files."
    schemas = add_command(commands, "schemas", text, _schemas)
    schemas.add_argument("folder", type=Path, nargs="?", default=Path("workflow/schemas"))


def _plan(options: argparse.Namespace) -> None:
    from nnbench.cli.overview import cells_as_json, plan_table  # noqa: PLC0415 - commands load what they need
    from nnbench.plan.plan import make_plan  # noqa: PLC0415
    from nnbench.plan.trial import check_own_parts  # noqa: PLC0415

    plan = make_plan(read(options))
    if options.check:
        check_own_parts(plan)
    print(cells_as_json(plan) if options.json else plan_table(plan, cores=options.cores))


def _contexts(options: argparse.Namespace) -> None:
    from nnbench.claims.contexts import drawn, read_space  # noqa: PLC0415

    found = drawn(read_space(options.space), options.count)
    rows = (", ".join(f"{k}: {v}" for k, v in values.items()) for values in found.values())
    print(
        "\n".join(["contexts:", *(f"  {n}: {{{row}}}" for n, row in zip(found, rows, strict=True))])
    )


def _schemas(options: argparse.Namespace) -> None:
    from nnbench.claims.config import json_schemas  # noqa: PLC0415

    options.folder.mkdir(parents=True, exist_ok=True)
    for name, schema in json_schemas().items():
        text = json.dumps(schema, indent=2, sort_keys=True) + "\n"
        (options.folder / f"{name}.schema.json").write_text(text, encoding="utf-8")
