"""STAR: fine-grained side information guided dual prompts (Chen et al., ACM MM 2024).

Features of a frozen skeleton encoder are aligned, part by part, with descriptions of how each part
moves; an unseen class is recognized by its name alone (Eq. 1-9; docs/facts.md D.3, D.4).
"""

from gapjax.methods import MethodSpec
from gapjax.methods.star.inference import alignment, inference
from gapjax.methods.star.method import Star, build
from gapjax.methods.star.options import SCORES, Options
from gapjax.methods.star.published import from_torch
from gapjax.methods.star.texts import class_strings, embed

__all__ = ["METHOD", "SCORES", "Options", "Star", "build", "embed", "from_torch", "inference"]

METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    alignment=alignment,
    learns_from="features",
    class_strings=class_strings,
    embed=embed,
    from_torch=from_torch,
    of_classes=("semantic",),
)
