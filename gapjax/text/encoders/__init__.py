"""Text encoders, one module each: `load` and `TextEncoder`."""
