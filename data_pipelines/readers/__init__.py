"""Batches of converted datasets."""
