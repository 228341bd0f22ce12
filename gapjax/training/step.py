"""The state of training, and the pure function that takes it one batch further.

What a checkpoint holds is what a step takes and what it returns: arrays, nothing else.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from gapjax.methods._base import Method, Text


class TrainState(NamedTuple):
    """Everything that changes in training.

    Attributes:
        step: how many batches have been learnt from.
        params: the trained parameters.
        batch_stats: running statistics.
        opt_state: the optimizer's state.
        rng: the key from which every random draw is addressed; it never changes.
    """

    step: Int[Array, ""]
    params: Any
    batch_stats: Any
    opt_state: Any
    rng: Key[Array, ""]


class Batch(NamedTuple):
    """Samples for one step, on the devices.

    Attributes:
        frames: raw frames, padded to a common length and number of persons with zeros.
        length: the true number of frames.
        label: the class.
        item: the sample's address within an epoch (`data_pipelines.readers.order`).
        epoch: the epoch of the step, the same number for each sample.
    """

    frames: Float[Array, "b m t v c"]
    length: Int[Array, " b"]
    label: Int[Array, " b"]
    item: Int[Array, " b"]
    epoch: Int[Array, " b"]


Step = Callable[[TrainState, Batch, Text], tuple[TrainState, dict[str, Float[Array, ""]]]]

# How a batch's frames become a method's input: at random by one key a sample, or the same always.
TrainInput = Callable[
    [Float[Array, "b m t v c"], Int[Array, " b"], Key[Array, " b"]], Float[Array, "b m t2 v c"]
]
EvalInput = Callable[[Float[Array, "b m t v c"], Int[Array, " b"]], Float[Array, "b m t2 v c"]]


def create_state(
    method: Method,
    optimizer: optax.GradientTransformation,
    clips: Float[Array, "b m t v c"],
    seed: int,
) -> TrainState:
    """Return the state before the first step."""
    rng = jax.random.key(seed)
    variables = jax.tree.map(_strongly_typed, method.init(jax.random.fold_in(rng, 0), clips))
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=variables["params"],
        batch_stats=variables["batch_stats"],
        opt_state=optimizer.init(variables["params"]),
        rng=jax.random.fold_in(rng, 1),
    )


def _strongly_typed(leaf: Array) -> Array:
    """Return an array whose type is that which a step returns: else steps are compiled again."""
    return jax.lax.convert_element_type(leaf, leaf.dtype)


def address_keys(
    rng: Key[Array, ""], epoch: Int[Array, " b"], item: Int[Array, " b"]
) -> Key[Array, " b"]:
    """Return a key for each sample that depends on (seed, epoch, sample) and nothing else."""
    fold = jax.random.fold_in
    return jax.vmap(lambda one, other: fold(fold(rng, one), other))(epoch, item)


def make_train_step(
    method: Method, optimizer: optax.GradientTransformation, train_input: TrainInput
) -> Step:
    """Return the step of a method: augment, differentiate, descend."""

    def step(
        state: TrainState, batch: Batch, text: Text
    ) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
        """Return the state after a step, and what it logged."""
        keys = address_keys(state.rng, batch.epoch, batch.item)
        draws = jax.vmap(lambda key: jax.random.split(key, 2))(keys)
        clips = train_input(batch.frames, batch.length, draws[:, 0])

        def loss(params: Any) -> tuple[Float[Array, ""], tuple[Any, dict[str, Any]]]:
            """Return the loss, and beside it the new statistics and what is logged."""
            variables = {"params": params, "batch_stats": state.batch_stats}
            out = method.loss(variables, clips, batch.label, text, draws[:, 1])
            return out.total, (out.batch_stats, out.scalars)

        gradients, (batch_stats, scalars) = jax.grad(loss, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        scalars = scalars | {"gradient_norm": optax.tree.norm(gradients)}
        new = state._replace(
            step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state
        )
        return new, scalars

    return step
