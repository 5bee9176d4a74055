"""Train on several processes at once."""
