"""Training methods, one module each: `Method`."""
