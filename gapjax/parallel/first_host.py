"""What only the first host does, so that it is done once."""

import jax


def say(text: str) -> None:
    """Print a line, if there is one and this is the first host."""
    # Where there is one host, its devices need not be opened to know that.
    if text and (not jax.distributed.is_initialized() or jax.process_index() == 0):
        print(text, flush=True)
