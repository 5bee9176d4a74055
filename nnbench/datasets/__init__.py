"""Datasets, one file each; every file exports ``DATASET``. Only numpy is needed to read them."""
