"""Model families: each file has a builder that returns one plain ``nn.Module``."""
