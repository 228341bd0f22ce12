"""Trained runs outside of training: bundles, model cards, TFLite."""
