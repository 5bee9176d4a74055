"""One training in several frameworks, each in its own process (``worker``) on the same ``Problem``."""
