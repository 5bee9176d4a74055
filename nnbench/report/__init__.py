"""From ``results.json`` to pages: HTML in one file, Markdown with figures, and CSV."""

from __future__ import annotations

from nnbench.report.shape import read_results
from nnbench.report.write import write_report

__all__ = ["read_results", "write_report"]
