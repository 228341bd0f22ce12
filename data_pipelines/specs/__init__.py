"""Facts about datasets: bodies, classes, protocols, splits."""
