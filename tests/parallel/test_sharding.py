"""The devices of hosts, and the shardings of a training state."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec

from data_pipelines.errors import UserError
from gapjax.parallel.mesh import check_hosts
from gapjax.parallel.partition_rules import PartitionRule
from gapjax.parallel.sharding import shape_layout


def test_hosts_use_equal_numbers_of_devices() -> None:
    check_hosts([0, 0, 1, 1], 2)
    check_hosts([0], 1)
    for hosts, counts in (([0, 0, 1], "2 + 1"), ([0], "1 + 0")):
        expected = counts.replace("+", r"\+") + " devices.*mesh.devices=0"
        with pytest.raises(UserError, match=expected):
            check_hosts(hosts, 2)


def test_momentum_is_split_as_its_parameter_and_others_are_replicated() -> None:
    """The longest parameter path that ends a path decides: `text/w` is not the parameter `w`."""
    params = {"w": jnp.zeros((4, 6)), "text": {"w": jnp.zeros((4, 6))}, "bias": jnp.zeros(6)}
    state = {"step": jnp.zeros(()), "params": params, "opt": [{"trace": params}]}
    layout = shape_layout(jax.devices(), model=2, rules=(PartitionRule("^w", ("data", "model")),))
    specs = jax.tree.map(lambda sharding: sharding.spec, layout.shardings(state, params))
    split, replicated = PartitionSpec("data", "model"), PartitionSpec()
    expected = {"w": split, "text": {"w": replicated}, "bias": replicated}
    assert specs == {"step": replicated, "params": expected, "opt": [{"trace": expected}]}
