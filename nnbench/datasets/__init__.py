"""Datasets, one or a family of them per file. Reading them needs only numpy."""
