"""The states of body parts that are nearest to a class's name: HAKE's part states in GAP (3.5).

A text encoder embeds the label and every state of a list; those nearest to the label describe the
class. The paper takes the 93 states that HAKE's annotators use; this list is gapjax's own.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import yaml
from jaxtyping import Float

from gapjax.nn.losses import cosine_logits

STATES = Path(__file__).with_name("part_states.yaml")


@functools.cache
def all_states() -> tuple[str, ...]:
    """Return the states, each a phrase that starts with its part's name.

    >>> len(all_states()), all_states()[0]
    (100, 'head looks straight ahead')
    """
    states = yaml.safe_load(STATES.read_text(encoding="utf-8"))
    return tuple(f"{part} {state}" for part, of_part in states.items() for state in of_part)


def nearest_states(
    labels: Sequence[str],
    encode: Callable[[Sequence[str]], Float[np.ndarray, "n e"]],
    count: int,
) -> list[list[str]]:
    """Return for every label the states with the largest cosines to it, the nearest first.

    Args:
        labels: the classes.
        encode: strings → the embeddings of the frozen text encoder.
        count: how many states a class has (K of the paper).
    """
    states = all_states()
    cosine = cosine_logits(jnp.asarray(encode(labels)), jnp.asarray(encode(states)), 1.0)
    order = np.argsort(-np.asarray(cosine), axis=1, kind="stable")[:, :count]
    return [[states[i] for i in row] for row in order]
