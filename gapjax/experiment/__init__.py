"""From a config to a run: what a config says, checked once, and the objects it names."""
