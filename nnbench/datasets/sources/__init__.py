"""Where fixed data come from, and how their files are read."""
