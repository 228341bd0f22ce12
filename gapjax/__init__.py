"""Skeleton-based action recognition guided by language: GAP and STAR in JAX and Flax."""

import os

from data_pipelines import command

command.expect_interruptions()

# XLA logs two errors for each program that it reads from a CPU's compilation cache, although
# nothing is wrong with it. What does go wrong raises an exception as well.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"
