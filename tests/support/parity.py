"""Parity packs: outputs of the published PyTorch models on random weights (tests/parity)."""

import json
import pathlib
import zlib

import numpy as np
from jaxtyping import Float

PACKS = pathlib.Path(__file__).resolve().parents[1] / "parity"


def load_pack(name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the state dict that the published model was given, and what the pack recorded.

    The state dict is drawn again from the pack's recipe. STAR's `part_text` (60, 6, 768) and
    `label_text` (60, 768) are drawn too, and lie among the outputs.
    """
    outputs = dict(np.load(PACKS / f"{name}.npz"))
    if "recipe" not in outputs:
        return {}, outputs
    recipe = json.loads(str(outputs.pop("recipe")))
    draws = (recipe["tensors"], recipe.get("text", {}))
    state, text = (
        {key: draw(recipe["seed"], key, **spec) for key, spec in specs.items()} for specs in draws
    )
    return state, outputs | text


def draw(
    seed: int, name: str, shape: list[int], mean: float, std: float, low: float | None = None
) -> Float[np.ndarray, "..."]:
    """Return the tensor `name` of a recipe: normal, from a stream of its own.

    Args:
        seed: the recipe's seed.
        name: the tensor's name, whose CRC-32 is the second seed.
        shape: the tensor's shape.
        mean: the mean of the normal distribution.
        std: its standard deviation.
        low: if given, absolute values are taken and raised to it (running variances).
    """
    stream = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = mean + std * stream.standard_normal(shape)
    return (values if low is None else np.maximum(np.abs(values), low)).astype(np.float32)


def project(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "q"]:
    """Return 16 random projections of an array, which tell it from others but do not contain it."""
    directions = np.random.default_rng(0).standard_normal((16, values.size))
    return directions @ values.astype(np.float64).ravel() / np.sqrt(values.size)
