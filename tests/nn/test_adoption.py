"""What a network takes of another one's variables."""

import jax
import jax.numpy as jnp
import numpy as np

from gapjax.nn.adoption import Adoption, adopt

FRESH = {
    "params": {
        "backbone": {"a": jnp.zeros((2, 3)), "b": jnp.zeros(4)},
        "classifier": {"bias": jnp.zeros(2)},
        "scale": jnp.zeros(5, jnp.bfloat16),
    },
    "batch_stats": {"backbone": {"mean": jnp.zeros(3)}},
}
GIVEN = {
    "params": {
        "backbone": {"a": np.ones((2, 3)), "b": np.ones(5)},
        "classifier": {"bias": np.ones(2)},
        "scale": np.ones(5),
        "other": np.ones(7),
    },
    "batch_stats": {"backbone": {"mean": np.ones(3)}},
}


def test_what_fits_is_taken_and_nothing_else() -> None:
    adopted = adopt(FRESH, GIVEN)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), adopted) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), FRESH
    )
    params = adopted["params"]
    assert [float(leaf.mean()) for leaf in jax.tree.leaves(params)] == [1, 0, 1, 1]
    assert float(adopted["batch_stats"]["backbone"]["mean"].sum()) == 3
    assert adopt(FRESH, {}) == FRESH


def test_all_that_is_taken_left_or_new_is_told() -> None:
    taken = Adoption.of(jax.eval_shape(lambda: FRESH), GIVEN, {"classifier"})
    assert str(taken) == (
        "takes 3 arrays (backbone 2, scale 1); left there: backbone 1, classifier 1, other 1; "
        "new here: backbone 1, classifier 1"
    )
    assert (taken.taken_in("backbone"), taken.new_in("backbone")) == (2, 1)
    assert str(Adoption.of(FRESH, {})).startswith("takes 0 arrays (none); new here: backbone 3")
