"""Train one network from many starts."""
