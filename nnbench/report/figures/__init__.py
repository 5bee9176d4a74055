"""Figures from plain numbers: dot plots, learning curves, samples and the overview."""
