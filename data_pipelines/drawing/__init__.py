"""Pictures of skeleton sequences."""
