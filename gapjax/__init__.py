"""Skeleton-based action recognition guided by language: GAP and STAR in JAX and Flax."""

__version__ = "0.1.0"
