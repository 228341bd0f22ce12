"""Published PyTorch state dicts (name → array) as Flax variables.

A backbone's own file says which names mean what (`from_torch`), in terms of the `StateDict` here.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped
from safetensors.numpy import load_file

from data_pipelines.errors import UserError
from data_pipelines.specs import wrong_file

# A state dict: name → array.
Arrays = Mapping[str, Shaped[np.ndarray, "..."]]

# Parameters and statistics of a module.
Imported = tuple[dict, dict]

# (state dict, a module's name in it) → what is imported of it.
Importer = Callable[["StateDict", str], Imported]

# The first normalization of every published skeleton encoder.
DATA_NORM = "data_bn"

# The last layer of every published skeleton network; ST-GCN's is the second.
CLASSIFIERS = ("fc", "fcn")

# Every published skeleton network has as many.
_BLOCKS = 10

# What wrappers of a published model put before its names.
WRAPPERS = ("module.",)


def read(path: str | Path) -> Arrays:
    """Return the arrays of a `.npz`, `.safetensors` or `.pt` file by name.

    A `.pt` file is read with weights only: nothing else in it is ever unpickled.

    Raises:
        UserError: the file is missing or damaged, is of another kind, or needs PyTorch.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], Arrays]] = {
        ".npz": _read_npz,
        ".safetensors": load_file,
        ".pt": _read_pt,
        ".pth": _read_pt,
    }
    if path.suffix not in readers:
        raise UserError(f"{path}: a state dict is one of {', '.join(readers)}")
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    try:
        state = readers[path.suffix](path)
    except UserError:
        raise
    except Exception as error:  # a damaged file fails in many ways
        wrong_file.refuse(path)
        reason = wrong_file.cause(error)
        raise UserError(f"{path}: cannot be read as a state dict ({reason})") from error
    return {_unwrap(name): np.asarray(array) for name, array in state.items()}


def _unwrap(name: str) -> str:
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper)
    return name


def _read_npz(path: Path) -> Arrays:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _read_pt(path: Path) -> Arrays:
    try:
        return load_tensors(path)
    except ImportError as error:
        raise UserError(f"{path}: reading it needs PyTorch (pip install torch)") from error


def load_tensors(path: Path) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the tensors of a dict that PyTorch saved, in float32; nothing else is unpickled.

    Raises:
        ImportError: PyTorch is not installed.
        ValueError: it holds something else. Of a damaged file, PyTorch raises what it likes.
    """
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise ValueError(f"it holds a {type(state).__name__}, not a dict of tensors")
    tensors = {name: each for name, each in state.items() if isinstance(each, torch.Tensor)}
    if not tensors:
        raise ValueError(
            f"its dict has no tensors but {', '.join(map(str, state)) or 'nothing'}: save the dict "
            "of tensors alone by torch.save"
        )
    return {name: each.detach().float().numpy() for name, each in tensors.items()}


def skeleton_encoder_arrays(arrays: Arrays) -> Arrays:
    """Return the arrays of the skeleton encoder in a published model, by the encoder's own names.

    A model may hold its encoder as a submodule of any name; `DATA_NORM` tells where.
    """
    marker = f"{DATA_NORM}.weight"
    prefix = next((name.removesuffix(marker) for name in arrays if name.endswith(marker)), "")
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


class StateDict:
    """A published state dict that remembers which of its names were used."""

    def __init__(self, state: Arrays) -> None:
        """Take a state dict; PyTorch's batch counters are ignored."""
        ignored = "num_batches_tracked"
        self._state = {name: each for name, each in state.items() if not name.endswith(ignored)}
        self._used: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._state

    def count(self, prefix: str) -> int:
        """Return the number of names that start with a prefix."""
        return sum(name.startswith(prefix) for name in self._state)

    @property
    def classifier(self) -> str:
        """Return the name of the last layer; the first of `CLASSIFIERS` if there is none."""
        return next((name for name in CLASSIFIERS if f"{name}.weight" in self), CLASSIFIERS[0])

    def array(self, name: str) -> Float[np.ndarray, "..."]:
        """Return an array by name.

        Raises:
            UserError: the state dict lacks it.
        """
        if name not in self._state:
            raise UserError(f"the state dict lacks {name!r}; is it of another model?")
        self._used.add(name)
        return np.asarray(self._state[name], np.float32)

    def kernel(self, name: str) -> Float[np.ndarray, "d c"]:
        """Return the kernel of a 1x1 convolution or a linear layer, outputs first."""
        weight = self.array(f"{name}.weight")
        return weight.reshape(weight.shape[:2])

    def time_kernel(self, name: str) -> Float[np.ndarray, "d c t"]:
        """Return the kernel of a convolution over time, stored as (d, c, t, 1)."""
        return self.array(f"{name}.weight")[..., 0]

    def bias(self, name: str) -> Float[np.ndarray, " d"]:
        """Return the bias of a layer."""
        return self.array(f"{name}.bias")

    def dense(self, name: str) -> dict[str, Float[np.ndarray, "..."]]:
        """Return the parameters of a linear layer, inputs first."""
        return {"kernel": self.kernel(name).T, "bias": self.bias(name)}

    def norm(self, names: Sequence[str]) -> Imported:
        """Return parameters and statistics of normalizations, joined along the channels."""

        def join(kind: str) -> Float[np.ndarray, " d"]:
            """Return one kind of array of all normalizations, one after another."""
            return np.concatenate([self.array(f"{name}.{kind}") for name in names])

        statistics = {"mean": join("running_mean"), "var": join("running_var")}
        return {"scale": join("weight"), "bias": join("bias")}, statistics

    def projection(self, conv: str, norm: str) -> Imported:
        """Return parameters and statistics of a 1x1 convolution followed by a normalization."""
        params, statistics = join({"norm": self.norm([norm])})
        return {**params, "kernel": self.kernel(conv), "bias": self.bias(conv)}, statistics

    def convolution_over_time(self, conv: str, norm: str) -> Imported:
        """Return parameters and statistics of a convolution over time and a normalization."""
        params, statistics = join({"norm": self.norm([norm])})
        return {**params, "kernel": self.time_kernel(conv), "bias": self.bias(conv)}, statistics

    def residual(self, conv: str, norm: str) -> dict[str, Imported]:
        """Return a projection as the module `residual`; nothing where the network has none."""
        return {"residual": self.projection(conv, norm)} if f"{conv}.weight" in self else {}

    def backbone(self, graph: Importer, temporal: Importer) -> dict[str, dict]:
        """Return the variables of a backbone named as CTR-GCN, whose blocks are `l1` to `l10`.

        Args:
            graph: the importer of a block's graph module, `gcn1`.
            temporal: the importer of its temporal module, `tcn1`.

        Raises:
            UserError: an array is missing.
        """

        def block(number: int) -> Imported:
            """Return the parameters and statistics of a block."""
            name = f"l{number + 1}"
            modules = {"graph": graph(self, f"{name}.gcn1")}
            modules["temporal"] = temporal(self, f"{name}.tcn1")
            return join(modules | self.residual(f"{name}.residual.conv", f"{name}.residual.bn"))

        return self.network(block)

    def network(self, block: Callable[[int], Imported]) -> dict[str, dict]:
        """Return the variables of a backbone of ten blocks.

        Args:
            block: the parameters and statistics of a block, by its number from 0.
        """
        modules = {"data_norm": self.norm([DATA_NORM])}
        modules |= {f"block{number}": block(number) for number in range(_BLOCKS)}
        params, statistics = join(modules)
        return {"params": params, "batch_stats": statistics}

    def check_all_used(self, optional: Sequence[str] = ()) -> None:
        """Raise UserError if arrays are left over, but for those whose names start as told.

        Args:
            optional: prefixes of names that need not be used.
        """
        left = sorted(
            name for name in set(self._state) - self._used if not name.startswith(tuple(optional))
        )
        if left:
            shown = ", ".join(left[:3])
            raise UserError(f"the state dict has {len(left)} unexpected arrays, such as {shown}")


def join(modules: Mapping[str, Imported]) -> Imported:
    """Return (params, statistics) by module from the same of each; empty ones are left out.

    >>> join({"a": ({"kernel": 1}, {}), "b": ({"scale": 2}, {"mean": 3})})
    ({'a': {'kernel': 1}, 'b': {'scale': 2}}, {'b': {'mean': 3}})
    """
    params = {name: each[0] for name, each in modules.items()}
    return params, {name: each[1] for name, each in modules.items() if each[1]}
