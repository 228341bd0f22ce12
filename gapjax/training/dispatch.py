"""The state of a run on its devices, and the jitted function that trains several steps.

A dispatch is one call of that function, and runs the steps of one request of the feed.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import stages
from jaxtyping import Array, Float

from gapjax.inputs.feed import first_step
from gapjax.inputs.present import known
from gapjax.methods import Text
from gapjax.parallel.sharding import shapes_with
from gapjax.training.run import Run
from gapjax.training.step import Scalars, TrainState, create_state, make_train_step

# Jitted: (state, the feed's store, request, text) → the state after the n steps, and what they log.
Dispatch: TypeAlias = stages.Wrapped


def make_dispatch(run: Run, state: TrainState) -> Dispatch:
    """Return the jitted function that runs the steps of one request; it donates the state.

    Args:
        run: the run.
        state: a state, or its shapes, with shardings.
    """
    train_step = make_train_step(run.method, run.optimizer, run.train_input)

    def dispatch(
        state: TrainState, store: Any, request: Any, text: Text
    ) -> tuple[TrainState, dict[str, Float[Array, " n"]]]:
        """Return the state after the n steps of a request, and what they log."""

        def step(state: TrainState, one_step_request: Any) -> tuple[TrainState, Scalars]:
            """Return the state after a step, and what it logs."""
            with run.layout.context(), known(one_step_request):
                return train_step(state, run.feed.load(store, one_step_request), text)

        if len(jax.tree.leaves(request)[0]) > 1:
            return jax.lax.scan(step, state, request)
        # On CPUs, XLA runs the body of a loop several times slower than the same code outside.
        state, scalars = step(state, first_step(request))
        return state, jax.tree.map(lambda leaf: leaf[None], scalars)

    shardings = jax.tree.map(lambda leaf: leaf.sharding, state)
    return jax.jit(dispatch, donate_argnums=0, out_shardings=(shardings, run.layout.replicated))


def initial_state(run: Run) -> TrainState:
    """Return the state before the first step, on the devices of the run."""
    state = _create_state(run)
    return run.layout.put(state, run.layout.shardings(state, state.params))


def state_shapes(run: Run) -> TrainState:
    """Return the state as `jax.ShapeDtypeStruct`s with shardings; nothing is computed.

    Raises:
        UserError: a partition rule matches no parameter, or one that cannot be split.
    """
    shapes = jax.eval_shape(lambda: _create_state(run))
    return shapes_with(shapes, run.layout.shardings(shapes, shapes.params))


def _create_state(run: Run) -> TrainState:
    clips = jnp.zeros((1, *run.clip_shape))
    return create_state(run.method, run.optimizer, clips, run.seed)
