"""Tables, figure and JSON of a run."""

from __future__ import annotations

import json
import math
import os
import platform
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.engine.children import Measured, Rounds

NNBENCH = "nnbench"
TITLE = "## The engine beside its peers"
ABOUT = """\
µs per model and optimiser step; in brackets the final training loss of the first replicate. A peer whose loss is another
has done other work: its entry is void. The limit is the time of the step's matrix products at the speed of PyTorch's
512 x 512 product in the same run; a library whose products are faster can come below it."""


def text(rounds: Rounds) -> str:
    """One work for the terminal: a line per peer, the fastest first."""
    title = f"{rounds.work.name}: µs per model and step"
    if math.isfinite(rounds.limit):
        title += f", limit {rounds.limit:.0f}"
    ordered = sorted(rounds.peers, key=lambda peer: (not peer.times, peer.us))
    return "\n".join([title, *(_line(rounds, peer) for peer in ordered)])


def _line(rounds: Rounds, peer: Measured) -> str:
    if not peer.times:
        return f"  {peer.peer:20} {peer.error}"
    spread = f"{min(peer.times):.0f} to {max(peer.times):.0f}"
    void = "  void" if rounds.void(peer) else ""
    return (
        f"  {peer.peer:20} {peer.us:8.0f}  ({spread}; first round {peer.first_seconds:.1f} s)"
        f"  loss {peer.loss:.4f}{void}"
    )


def write(done: list[Rounds], registered: list[Rounds], folder: Path, **about: object) -> None:
    """The section of RESULTS.md, engine.json and engine.svg; ``about``: clock, rounds, what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    works = [
        {**asdict(r), "void": [p.peer for p in r.peers if r.void(p)]} for r in (*done, *registered)
    ]
    whole = {"hardware": hardware(), "date": time.strftime("%Y-%m-%d"), **about, "works": works}
    (folder / "engine.json").write_text(json.dumps(whole, indent=1) + "\n")
    _replace_section(folder / "RESULTS.md", _section(done, registered, **about))
    if done:
        figure(done, folder / "engine.svg")


def _section(
    done: list[Rounds],
    registered: list[Rounds],
    *,
    clock: str,
    rounds: int,
    missing: dict[str, str],
) -> str:
    kind = "CPU time, as other work ran beside it" if clock == "cpu" else "wall time"
    parts = [
        TITLE,
        f"`python -m benchmarks.engine`, {time.strftime('%d %B %Y')}, {hardware()}. {_versions(done)}.",
        f"One thread on one core, {kind}, median of {rounds} rounds in which all take turns. {ABOUT}",
        table(done),
        *[f"Left out: {name} ({reason})." for name, reason in missing.items()],
        *_failures(done),
        "![Time per step of each peer on each work](engine.svg)" if done else "",
        "### Every registered model against plain PyTorch" if registered else "",
        table(registered),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _replace_section(path: Path, section: str) -> None:
    """Put the engine's section in place of its last one; what else the file says stays."""
    said = path.read_text() if path.exists() else "# Last runs of the benchmarks\n"
    before, title, after = said.partition(TITLE)
    _, following, rest = after.partition("\n## ")
    path.write_text(
        f"{before.rstrip()}\n\n{section}{following}{rest}" if title else f"{said}\n{section}"
    )


def table(done: list[Rounds]) -> str:
    """Markdown: the wider dimension goes down, so peers are rows if there are more of them than works."""
    names = list(dict.fromkeys(peer.peer for rounds in done for peer in rounds.peers))
    works = [rounds.work.name for rounds in done]
    cells = [[_cell(rounds, name) for rounds in done] for name in names]
    if any(math.isfinite(rounds.limit) for rounds in done):
        names, cells = ["limit", *names], [[_number(r.limit) for r in done], *cells]
    if len(works) > len(names):
        works, names = names, works
        cells = [list(row) for row in zip(*cells, strict=True)]
    head = ["", *works]
    rows = [[name, *row] for name, row in zip(names, cells, strict=True)]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) if done else ""


def _cell(rounds: Rounds, name: str) -> str:
    peer = next((peer for peer in rounds.peers if peer.peer == name), None)
    if peer is None or not peer.times:
        return "–"
    loss = f"({peer.loss:.3f})"
    return f"void {loss}" if rounds.void(peer) else f"{_number(peer.us)} {loss}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "–"


def _failures(done: list[Rounds]) -> list[str]:
    failed = [(r.work.name, p) for r in done for p in r.peers if p.error]
    return [f"{peer.peer} on {work}: {peer.error}." for work, peer in failed]


def _versions(done: list[Rounds]) -> str:
    found = {k: v for rounds in done for peer in rounds.peers for k, v in peer.versions.items()}
    return ", ".join(f"{name} {version}" for name, version in sorted(found.items()))


def hardware() -> str:
    """The processor's name, its cores, and Python's version."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def figure(done: list[Rounds], path: Path) -> None:
    """A panel per work: a dot per peer on a logarithmic axis, and the limit as a line."""
    from matplotlib.figure import Figure

    chart = Figure(figsize=(11, 2.9 * math.ceil(len(done) / 2)), layout="constrained")
    panels = chart.subplots(math.ceil(len(done) / 2), 2, squeeze=False).flat
    for axes, rounds in zip(panels, done, strict=False):
        shown = [p for p in rounds.peers if p.times and not rounds.void(p)]
        shown.sort(key=lambda peer: -peer.us)
        colours = ["C1" if peer.peer.startswith(NNBENCH) else "C0" for peer in shown]
        axes.scatter([p.us for p in shown], [p.peer for p in shown], c=colours)
        if math.isfinite(rounds.limit):
            axes.axvline(rounds.limit, color="grey", linestyle=":")
        axes.set(xscale="log", title=rounds.work.name, xlabel="µs per model and step")
        axes.grid(axis="y", alpha=0.3)
    chart.savefig(path, metadata={"Date": None})
