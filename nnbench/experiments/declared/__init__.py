"""What the plan knows of each experiment: options, metrics, cost. No torch here."""
