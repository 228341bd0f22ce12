"""GAP: generative action-description prompts (Xiang et al., ICCV 2023).

A skeleton encoder is trained with cross-entropy and, for the whole body and for each body part,
with a contrastive loss against text that describes the class's movement (Eq. 1, 5, 6). The text
encoder and the heads are used in training only.
"""

from gapjax.methods import MethodSpec
from gapjax.methods.gap.alignment import alignment
from gapjax.methods.gap.method import Gap, build, inference
from gapjax.methods.gap.network import from_torch
from gapjax.methods.gap.options import Options
from gapjax.methods.gap.texts import class_strings

__all__ = ["METHOD", "Gap", "Options", "build", "from_torch", "inference"]

METHOD = MethodSpec(
    options=Options,
    build=build,
    inference=inference,
    alignment=alignment,
    class_strings=class_strings,
    uses_text=lambda options: options.partition != "none",
    from_torch=from_torch,
)
