"""Weights of a Hugging Face model, turned from PyTorch's layout into a Flax module's parameters."""

import itertools
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_dtypes  # noqa: F401  makes NumPy know bfloat16
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Float
from safetensors import SafetensorError, safe_open

from data_pipelines.errors import UserError
from data_pipelines.specs import wrong_file
from gapjax.nn.torch_weights import load_tensors
from gapjax.text.encoder import Tree
from gapjax.text.huggingface import weight_files

# A stored tensor's name → the name by which the encoder knows it, None if it does not need it.
Rename = Callable[[str], str | None]
Tensors = dict[str, Float[np.ndarray, "..."]]

# A Flax parameter → PyTorch's name for it.
_LEAVES = {"kernel": "weight", "scale": "weight", "embedding": "weight", "bias": "bias"}


@dataclass(frozen=True)
class TorchNames:
    """How a PyTorch model names its modules.

    Attributes:
        layers: the prefix of its transformer layers; the i-th belongs to the Flax module `block_i`.
        modules: a Flax module, within a block or outside, → the PyTorch module.
    """

    layers: str
    modules: Mapping[str, str]

    def tensor(self, path: tuple[str, ...]) -> str:
        """Return the name of the tensor for a Flax parameter."""
        *modules, leaf = path
        prefix = ""
        if modules[0].startswith("block_"):
            prefix = f"{self.layers}.{modules.pop(0).removeprefix('block_')}."
        return f"{prefix}{self.modules['/'.join(modules)]}.{_LEAVES[leaf]}"


def to_params(folder: Path, tensors: Tensors, module: nn.Module, names: TorchNames) -> Tree:
    """Return the parameters of a text encoder.

    Args:
        folder: the model's, for messages.
        tensors: by their PyTorch names.
        module: the text encoder.
        names: how PyTorch names its modules.

    Raises:
        UserError: a tensor is missing or does not fit.
    """
    tokens = jax.ShapeDtypeStruct((1, 1), jnp.int32)
    params = jax.eval_shape(module.init, jax.random.key(0), tokens)["params"]
    weights, leaves = f"the weights in {folder}", {}
    for path, leaf in flatten_dict(params).items():
        name = names.tensor(path)
        if name not in tensors:
            raise UserError(f"{weights} lack {name!r}, which config.json calls for")
        tensor = tensors[name].T if path[-1] == "kernel" else tensors[name]
        if not _fits(tensor.shape, leaf.shape):
            shapes = f"{name!r} is {tensors[name].shape}, not {leaf.shape}"
            raise UserError(f"{weights} do not fit config.json: {shapes}")
        leaves[path] = np.ascontiguousarray(tensor).reshape(leaf.shape)
    return unflatten_dict(leaves)


def _fits(stored: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether `shape` is `stored` with its axes split.

    >>> _fits((12, 20), (3, 4, 20)), _fits((20, 12), (3, 4, 20))
    (True, False)
    """
    splits = set(itertools.accumulate(shape, operator.mul))
    return math.prod(stored) == math.prod(shape) and splits.issuperset(
        itertools.accumulate(stored, operator.mul)
    )


def read_tensors(folder: Path, rename: Rename) -> Tensors:
    """Return the weights that `rename` names, in float32, whatever their stored precision.

    Raises:
        UserError: there are none, or a file is damaged or needs PyTorch.
    """
    files = weight_files(folder)
    if not files:
        raise UserError(f"{folder} has no weights: it needs model.safetensors")
    tensors: Tensors = {}
    for file in files:
        read = _read_pickled if file.suffix == ".bin" else _read_safetensors
        tensors |= read(file, rename)
    return tensors


def _read_safetensors(file: Path, rename: Rename) -> Tensors:
    try:
        with safe_open(file, framework="np") as stored:
            names = {new: name for name in stored.keys() if (new := rename(name))}  # noqa: SIM118
            return {new: np.float32(stored.get_tensor(name)) for new, name in names.items()}
    except (SafetensorError, OSError) as error:
        wrong_file.refuse(file)
        raise UserError(
            f"{file} cannot be read ({wrong_file.cause(error)}): get it again"
        ) from error


def _read_pickled(file: Path, rename: Rename) -> Tensors:
    """Read PyTorch's pickle format: tensors only, never arbitrary objects."""
    try:
        stored = load_tensors(file)
    except ImportError as error:
        raise UserError(
            f"{file.parent} has pytorch_model.bin but no model.safetensors: `pip install torch` to "
            "read it, or save the model as safetensors"
        ) from error
    except Exception as error:  # a damaged file fails in many ways
        wrong_file.refuse(file)
        raise UserError(
            f"{file} cannot be read ({wrong_file.cause(error)}): get it again"
        ) from error
    return {new: array for name, array in stored.items() if (new := rename(name))}
