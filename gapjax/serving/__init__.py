"""Trained runs outside of training: bundles and their model cards, classification, TFLite."""
