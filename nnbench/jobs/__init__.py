"""A job: lock, lease and measure a cell, and write its record."""
