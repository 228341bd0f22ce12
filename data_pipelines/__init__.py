"""Skeleton data: raw files to TFRecords, and TFRecords to batches. Never imports jax or gapjax."""
