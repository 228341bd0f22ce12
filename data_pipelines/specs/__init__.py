"""Metadata of datasets: body models, classes, protocols, splits."""
