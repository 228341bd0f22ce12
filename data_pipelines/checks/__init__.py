"""Checks of a converted dataset: its index and its records."""
