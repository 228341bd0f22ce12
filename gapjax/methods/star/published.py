"""The published weights of STAR as variables of `StarNetwork`."""

import numpy as np
from jaxtyping import Float

from data_pipelines.errors import UserError
from gapjax.backbones import FromTorch
from gapjax.nn.torch_weights import StateDict

# What a published state dict has before the names of the skeleton encoder's arrays.
BACKBONE = "pretraining_model."
# What the release has without any effect on its losses and scores; `part_weights_factor` has one,
# but is frozen at ones, as `StarNetwork.part_weights` are by default.
NOT_IMPORTED = (
    "part_weights_factor",
    "gcn_part_classifier",
    "global_fc",
    "gcn_flobal_classifier",
)


def from_torch(state: StateDict, backbone: FromTorch | None = None) -> dict[str, dict]:
    """Return the variables of a published STAR's `StarNetwork`, without the skeleton encoder.

    Args:
        state: the published arrays.
        backbone: unused; the skeleton encoder is frozen, and imported apart.

    Raises:
        UserError: an array is missing or left over.
    """
    del backbone
    parts = state.count("body_part_prompts.")
    if not parts:
        raise UserError("the state dict lacks 'body_part_prompts.0'; is it of another model?")
    attention = "body_part_st_attention_networks"
    query, key, value = np.split(_stack(state, f"{attention}.{{}}.in_proj_bias", parts), 3, axis=1)

    def projection(
        kind: str, bias: Float[np.ndarray, "p e"]
    ) -> dict[str, Float[np.ndarray, "p ..."]]:
        """Return the projection of queries (`q`), keys (`k`) or values (`v`), inputs first."""
        kernel = _stack(state, f"{attention}.{{}}.{kind}_proj_weight", parts)
        return {"kernel": kernel.swapaxes(1, 2), "bias": bias}

    skeleton = {
        "asking": {
            "prompts": _stack(state, "body_part_prompts.{}", parts),
            "weight": _stack(state, "body_part_w.{}", parts),
        },
        "pool": {
            "query": projection("q", query),
            "key": projection("k", key),
            "value": projection("v", value),
        },
        "out": _linear(state, f"{attention}.{{}}.out_proj", parts),
        "inner": _linear(state, "body_part_mapping_matrix1.{}", parts),
        "outer": _linear(state, "body_part_mapping_matrix2.{}", parts),
    }
    params = {
        "skeleton": skeleton,
        "semantic": {"prompts": _stack(state, "pd_prompt.{}", parts).swapaxes(0, 1)},
        "part_projector": _projector(state, "pd_mapping_matrix{}.{{}}", parts),
        "label_projector": _projector(state, "crossmodal_align{}", 1),
    }
    state.check_all_used(optional=[BACKBONE, *NOT_IMPORTED])
    return {"params": params}


def _stack(state: StateDict, name: str, parts: int) -> Float[np.ndarray, "p ..."]:
    """Return the arrays of all parts; `{}` in the name stands for the part's number."""
    return np.stack([state.array(name.format(part)) for part in range(parts)])


def _linear(state: StateDict, name: str, parts: int) -> dict[str, Float[np.ndarray, "p ..."]]:
    kernel = _stack(state, f"{name}.weight", parts).swapaxes(1, 2)
    return {"kernel": kernel, "bias": _stack(state, f"{name}.bias", parts)}


def _projector(state: StateDict, name: str, parts: int) -> dict[str, dict]:
    layers = (("inner", 1), ("outer", 2))
    return {layer: _linear(state, name.format(number), parts) for layer, number in layers}
