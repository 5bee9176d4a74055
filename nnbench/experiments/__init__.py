"""Measurements, each behind one interface: a cell in, what its record says out."""
