"""Datasets, one per file, exported as ``DATASET``. Reading them needs only numpy."""
