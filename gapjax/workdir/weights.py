"""The weights that a working directory or an exported bundle has, and what they were trained on."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gapjax.parallel import agreement
from gapjax.workdir import bundle_files, data_file
from gapjax.workdir.checkpoints import read_newest
from gapjax.workdir.config_file import read_config

# In place of the names of classes that published weights were trained on.
UNKNOWN = "(classes that are not recorded)"


class Weights(NamedTuple):
    """Weights as host arrays, and what they mean.

    Attributes:
        variables: parameters (`params`) and running statistics (`batch_stats`), each of them by
            the names of the network's parts: `backbone`, `classifier`, ...
        config: the config of their run, flat.
        labels: the names of the classes that they give scores for.
        joints: the names of the joints; empty if they are not recorded.
        trained_on: the names of the classes that they were trained on.
    """

    variables: Mapping[str, Any]
    config: Mapping[str, Any]
    labels: Sequence[str]
    joints: Sequence[str]
    trained_on: Sequence[str]


def read(folder: Path) -> Weights:
    """Return the weights of a working directory's newest checkpoint, or of an exported bundle.

    Raises:
        UserError: it is neither of them, or is damaged.
    """
    is_bundle = bundle_files.is_bundle(folder)
    newest = folder / (bundle_files.METADATA if is_bundle else "checkpoints")
    # In seconds, as the first host sees it: hosts read together, or not at all.
    modified = agreement.newest_steps([int(newest.stat().st_mtime) if newest.exists() else 0])
    return _read(folder, is_bundle, *modified)


@functools.lru_cache(maxsize=2)
def _read(folder: Path, is_bundle: bool, modified: int) -> Weights:
    """Return weights; a process reads them again only if they have been modified."""
    del modified
    return _of_bundle(folder) if is_bundle else _of_run(folder)


def _of_run(workdir: Path) -> Weights:
    checkpoint, data = read_newest(workdir), data_file.read(workdir)
    params, statistics = checkpoint.state["params"], checkpoint.state.get("batch_stats") or {}
    return Weights(
        variables={"params": by_part(params), "batch_stats": statistics},
        config=read_config(workdir),
        labels=data.get("labels", checkpoint.trained_on),
        joints=data.get("joints", ()),
        trained_on=checkpoint.trained_on,
    )


def by_part(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a network, and what is trained beside it, by their names."""
    rest = {name: value for name, value in params.items() if name != "network"}
    return {**params.get("network", {}), **rest}


def _of_bundle(folder: Path) -> Weights:
    metadata, variables = bundle_files.read_checked(folder), bundle_files.read_variables(folder)
    if "method" in variables:
        encoder = variables["encoder"]
        variables = {
            "params": {**variables["method"]["params"], "backbone": encoder["params"]},
            "batch_stats": {"backbone": encoder.get("batch_stats", {})},
        }
    return Weights(
        variables=variables,
        config=read_config(folder),
        labels=metadata["labels"],
        joints=metadata["input"]["joints"],
        trained_on=metadata["trained_on"],
    )
