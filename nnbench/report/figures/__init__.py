"""Figures from plain numbers, as SVG: dots, curves, forests, the overview, the evidence map, samples, cards."""
