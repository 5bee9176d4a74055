"""From records to verdicts: the table of measurements, pairs of levels, and what is concluded."""
