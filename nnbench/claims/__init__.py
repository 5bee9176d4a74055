"""What is to be measured: the run's config, its documents and their claims."""
