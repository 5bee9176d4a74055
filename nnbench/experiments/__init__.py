"""Measurements, each behind one interface: from a cell to the content of its record."""
