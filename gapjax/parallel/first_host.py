"""What only the first host does, so that it is done once."""

import jax


def say(text: str) -> None:
    """Print a line, if there is one and this is the first host."""
    if text and jax.process_index() == 0:
        print(text, flush=True)
