"""Datasets as files that jobs read."""
