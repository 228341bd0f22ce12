"""Reading converted datasets while a run trains."""
