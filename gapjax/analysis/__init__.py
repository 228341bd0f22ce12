"""Metrics, ensembles, tables and figures of saved scores."""
