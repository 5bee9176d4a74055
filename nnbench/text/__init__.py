"""How numbers, verdicts and findings are put into words."""
