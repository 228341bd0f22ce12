"""The description by which an experiment builds a skeleton encoder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import flax.linen as nn

from data_pipelines.errors import UserError
from gapjax.nn.torch_weights import StateDict
from gapjax.registry import module

# A published state dict → the variables of the skeleton encoder.
FromTorch = Callable[[StateDict], Mapping[str, Any]]


@dataclass(frozen=True)
class BackboneSpec:
    """A skeleton encoder as its module describes it, in the constant `BACKBONE`.

    Attributes:
        module: the Flax module: (clips `b m t v c`, train) → features `b m t2 v d`. Its fields are
            `skeleton` and `dtype`, and the keys `backbone.*` of a config.
        from_torch: imports published weights; None if there are none to import.
        rules: the published exceptions of its optimizer by parameter path, as in a config.
    """

    module: type[nn.Module]
    from_torch: FromTorch | None = None
    rules: tuple[tuple[str, float, float], ...] = ()


def get(name: str) -> BackboneSpec:
    """Return the description of the backbone in the module `gapjax.backbones.<name>`.

    Raises:
        UserError: there is no such module, or it has no such description.
    """
    backbone = module("gapjax.backbones", name)
    if not isinstance(getattr(backbone, "BACKBONE", None), BackboneSpec):
        raise UserError(f"{backbone.__file__} has no line BACKBONE = BackboneSpec(...)")
    return backbone.BACKBONE
