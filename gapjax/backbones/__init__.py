"""Skeleton encoders. Each module holds one and describes it by `BACKBONE`, a `BackboneSpec`.

A new backbone is a new module here: its name is the value of `backbone.name` in a config, and the
fields of its Flax module are the other keys of that section.
"""

from gapjax.backbones._base import BackboneSpec, FromTorch, get

__all__ = ["BackboneSpec", "FromTorch", "get"]
