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
ABOUT = """\
µs per model and optimiser step, median over rounds in which all take turns; in brackets the final training loss of the
first replicate. A peer whose loss is another has done other work: its entry is void. Some products run faster than the
limit where a library multiplies faster than PyTorch does."""


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


def write(
    done: list[Rounds], registered: list[Rounds], folder: Path, *, missing: dict[str, str]
) -> None:
    """RESULTS.md, engine.json and engine.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = [
        {**asdict(r), "void": [p.peer for p in r.peers if r.void(p)]} for r in (*done, *registered)
    ]
    about = {"hardware": hardware(), "date": time.strftime("%Y-%m-%d"), "missing": missing}
    (folder / "engine.json").write_text(json.dumps({**about, "works": plain}, indent=1) + "\n")
    parts = [
        "# Engine: the last run of `python -m benchmarks.engine`",
        f"{about['date']}, {about['hardware']}; one thread on one core. {_versions(done)}",
        ABOUT,
        table(done),
        *[f"Left out: {name} ({reason})." for name, reason in missing.items()],
        *_failures(done),
        "![](engine.svg)",
        "## Every registered model against plain PyTorch",
        table(registered),
    ]
    (folder / "RESULTS.md").write_text("\n\n".join(part for part in parts if part) + "\n")
    if done:
        figure(done, folder / "engine.svg")


def table(done: list[Rounds]) -> str:
    """Markdown: a row per work, a column per peer would be too wide, so the other way round."""
    if not done:
        return ""
    names = [peer.peer for peer in done[0].peers]
    head = ["peer", *(rounds.work.name for rounds in done)]
    limits = ["limit (matrix products alone)", *(_number(rounds.limit) for rounds in done)]
    rows = [[name, *(_cell(r, r.peers[i]) for r in done)] for i, name in enumerate(names)]
    lines = [head, ["---"] * len(head), limits, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(rounds: Rounds, peer: Measured) -> str:
    if not peer.times:
        return "–"
    if rounds.void(peer):
        return f"void ({peer.loss:.3f})"
    return f"{_number(peer.us)} ({peer.loss:.3f})"


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
