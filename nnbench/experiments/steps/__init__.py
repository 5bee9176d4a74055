"""Time the training steps of dense networks."""
