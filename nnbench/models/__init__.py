"""Model families: each file has a builder that returns a plain ``nn.Module``."""
