"""Numbers and figures made of saved scores; NumPy and matplotlib alone."""
