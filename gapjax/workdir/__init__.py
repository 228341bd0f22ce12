"""The files of a working directory: config, log, scores, checkpoints."""
