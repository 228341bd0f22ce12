"""Published CTR-GCN weights as variables of `ctr_gcn.Backbone`."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from gapjax.nn.graph import SUBSETS
from gapjax.nn.torch_weights import StateDict, join


def from_torch(state: StateDict, blocks: int = 10) -> dict[str, dict]:
    """Return the variables of `Backbone` from the published CTR-GCN's state dict.

    Args:
        state: the published arrays; blocks are called `l1`, `l2`, ...
        blocks: how many blocks there are.

    Raises:
        UserError: an array is missing.
    """
    return state.backbone(_block, blocks)


def _block(state: StateDict, name: str) -> tuple[dict, dict]:
    temporal = _single_scale if f"{name}.tcn1.conv.weight" in state else _multi_scale
    modules = {
        "graph": _graph(state, f"{name}.gcn1"),
        "temporal": temporal(state, f"{name}.tcn1"),
        **state.residual(f"{name}.residual.conv", f"{name}.residual.bn"),
    }
    return join(modules)


def _graph(state: StateDict, name: str) -> tuple[dict, dict]:
    def stack(
        get: Callable[[str], Float[np.ndarray, "..."]], layer: str
    ) -> Float[np.ndarray, "g ..."]:
        """Return one array of a layer for every subset, the subsets first."""
        return np.stack([get(f"{name}.convs.{subset}.{layer}") for subset in range(SUBSETS)])

    topology = {
        "adjacency": state.array(f"{name}.PA"),
        "alpha": state.array(f"{name}.alpha").reshape(()),
        "entry": np.stack([stack(state.kernel, layer) for layer in ("conv1", "conv2")]),
        "entry_bias": np.stack([stack(state.bias, layer) for layer in ("conv1", "conv2")]),
        "kernel": stack(state.kernel, "conv4"),
        "bias": stack(state.bias, "conv4"),
    }
    modules = {"topology": (topology, {}), "norm": state.norm([f"{name}.bn"])}
    params, statistics = join(modules | state.residual(f"{name}.down.0", f"{name}.down.1"))
    value = {"value": stack(state.kernel, "conv3"), "value_bias": stack(state.bias, "conv3")}
    return params | value, statistics


def _multi_scale(state: StateDict, name: str) -> tuple[dict, dict]:
    branch = [f"{name}.branches.{number}" for number in range(4)]
    convolutions = [f"{branch[number]}.3" for number in range(2)]
    last = [*(f"{conv}.bn" for conv in convolutions), f"{branch[2]}.4", f"{branch[3]}.1"]
    modules = {
        "entry_norm": state.norm([f"{each}.1" for each in branch[:3]]),
        "norm": state.norm(last),
    }
    params, statistics = join(modules)
    params |= {
        "entry": np.concatenate([state.kernel(f"{each}.0") for each in branch]),
        "entry_bias": np.concatenate([state.bias(f"{each}.0") for each in branch]),
        "kernels": np.stack([state.time_kernel(f"{each}.conv") for each in convolutions]),
        "bias": np.concatenate([state.bias(f"{each}.conv") for each in convolutions]),
    }
    return params, statistics


def _single_scale(state: StateDict, name: str) -> tuple[dict, dict]:
    params, statistics = join({"norm": state.norm([f"{name}.bn"])})
    kernel = state.time_kernel(f"{name}.conv")
    return {**params, "kernel": kernel, "bias": state.bias(f"{name}.conv")}, statistics
