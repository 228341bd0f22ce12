"""The training state and the training step, a pure function of the state and a batch."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, Shaped

from gapjax.inputs.feed import Batch
from gapjax.methods import Method, Text


class TrainState(NamedTuple):
    """Everything that changes in training, as a checkpoint holds it.

    Attributes:
        step: the number of batches so far.
        params: the parameters.
        batch_stats: what a step changes without a gradient: running statistics, and counts of a
            method whose losses depend on them.
        opt_state: the optimizer's state.
        rng: the key that all random draws are folded from; it is constant.
    """

    step: Int[Array, ""]
    params: Any
    batch_stats: Any
    opt_state: Any
    rng: Key[Array, ""]


# name → a value that a step logs.
Scalars = dict[str, Float[Array, ""]]
Step = Callable[[TrainState, Batch, Text], tuple[TrainState, Scalars]]

# (frames, lengths, a key per sample in training) → the method's input.
TrainInput = Callable[
    [Float[Array, "b ..."], Int[Array, " b"], Key[Array, " b"]], Float[Array, "b ..."]
]
EvalInput = Callable[[Float[Array, "b ..."], Int[Array, " b"]], Float[Array, "b ..."]]


def create_state(
    method: Method,
    optimizer: optax.GradientTransformation,
    clips: Float[Array, "b ..."],
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


def _strongly_typed(leaf: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
    """Return an array without a weak type, as a step returns it, so that a step compiles once."""
    return jax.lax.convert_element_type(leaf, leaf.dtype)


def sample_keys(
    rng: Key[Array, ""], epoch: Int[Array, " b"], item: Int[Array, " b"]
) -> Key[Array, " b"]:
    """Return a key for each sample that depends on (seed, epoch, sample) and nothing else."""
    fold = jax.random.fold_in
    return jax.vmap(lambda epoch, item: fold(fold(rng, epoch), item))(epoch, item)


def make_train_step(
    method: Method, optimizer: optax.GradientTransformation, train_input: TrainInput
) -> Step:
    """Return the step of a method: augment, differentiate, descend."""

    def step(state: TrainState, batch: Batch, text: Text) -> tuple[TrainState, Scalars]:
        """Return the state after a step, and what it logs."""
        keys = sample_keys(state.rng, batch.epoch, batch.item)
        draws = jax.vmap(lambda key: jax.random.split(key, 2))(keys)
        clips = train_input(batch.frames, batch.length, draws[:, 0])

        def loss(params: Any) -> tuple[Float[Array, ""], tuple[Any, Scalars]]:
            """Return the loss, and as auxiliary outputs the new statistics and the scalars."""
            variables = {"params": params, "batch_stats": state.batch_stats}
            out = method.loss(variables, clips, batch.label, text, draws[:, 1])
            return out.total, (out.batch_stats, out.scalars)

        gradients, (batch_stats, scalars) = jax.grad(loss, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        new = state._replace(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            batch_stats=batch_stats,
            opt_state=opt_state,
        )
        return new, scalars | {"gradient_norm": optax.tree.norm(gradients)}

    return step
