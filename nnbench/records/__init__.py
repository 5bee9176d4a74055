"""The two files on disk: records of measured cells, and results that were judged."""
