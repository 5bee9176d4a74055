"""nnbench: measures what documents claim about neural networks."""

from __future__ import annotations

__version__ = "0.1.0"
