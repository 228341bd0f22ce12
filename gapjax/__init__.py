"""Skeleton-based action recognition guided by language: GAP and STAR in JAX and Flax."""

import os

# What fails raises an exception, too. XLA's log tells of each program that it finds in the
# compilation cache of a CPU that its options of tuning are "not supported on the host machine".
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"
