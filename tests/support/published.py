"""Comparisons of a network with what its published model computed (`support.parity`)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gapjax.nn.losses import cross_entropy
from gapjax.nn.torch_weights import StateDict
from support.numerics import close

# A published state dict → variables.
Read = Callable[[StateDict], Any]


def clips(published: np.ndarray) -> jax.Array:
    """Return our b m t v c from the published N C T V M."""
    return jnp.asarray(published.transpose(0, 4, 2, 3, 1))


def train_step(network: Any, variables: dict, x: jax.Array, label: jax.Array) -> tuple:
    """Return loss, logits, new statistics and gradients of one training forward."""

    def loss(params: Any) -> tuple:
        """Return the loss, and as auxiliary outputs logits and statistics."""
        given = {"params": params, "batch_stats": variables["batch_stats"]}
        logits, updates = network.apply(given, x, train=True, mutable=["batch_stats"])
        return cross_entropy(logits, label).mean(), (logits, updates["batch_stats"])

    (value, (logits, statistics)), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(
        variables["params"]
    )
    return value, logits, statistics, gradients


def below(outputs: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return what a pack has below a prefix."""
    found = {
        name.removeprefix(prefix): each for name, each in outputs.items() if name.startswith(prefix)
    }
    assert found
    return found


def check_gradient_norms(state: dict, read: Read, gradients: Any, norms: dict) -> None:
    """Check the norm of the gradient of each published array, wherever its entries went.

    Within 1e-4 of the whole gradient's norm: parameter by parameter the published float32 norms
    are off by up to 1.8 % themselves (l5's alpha of CTR-GCN against float64, where ours is off by
    0.3 %): sums of many products that nearly cancel.
    """
    names = list(state)
    numbered = {name: np.full_like(state[name], place) for place, name in enumerate(names)}
    pairs = zip(
        *map(jax.tree.leaves, (read(StateDict(numbered))["params"], gradients)), strict=True
    )
    squares = np.zeros(len(names))
    for place, gradient in pairs:
        square = np.square(np.asarray(gradient, np.float64))
        squares += np.bincount(place.astype(int).ravel(), square.ravel(), len(names))
    found = dict(zip(names, np.sqrt(squares), strict=True))
    whole = sum(float(norm) ** 2 for norm in norms.values()) ** 0.5
    for name, expected in norms.items():
        assert abs(found[name] - expected) < 1e-4 * whole, name


def check_statistics(state: dict, read: Read, found: dict, after: dict) -> None:
    """Check those running statistics that a pack holds."""
    expected = read(StateDict(state | after))["batch_stats"]
    marks = {name: np.full_like(each, name in after) for name, each in state.items()}
    marks = read(StateDict(marks))["batch_stats"]
    for one, other, mark in zip(*map(jax.tree.leaves, (found, expected, marks)), strict=True):
        close(np.asarray(one) * mark, other * mark, "running statistics")
