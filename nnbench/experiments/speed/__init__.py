"""Time image models: inference and training."""
