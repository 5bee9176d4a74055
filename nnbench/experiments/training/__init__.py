"""Train a network and test it once."""
