"""From a config to a run: reads and checks the config, and builds what it names."""
