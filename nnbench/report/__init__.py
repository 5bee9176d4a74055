"""From ``results.json`` to pages: HTML in one file, Markdown with figures, and CSV."""

from nnbench.report.write import write_report

__all__ = ["write_report"]
