"""Training methods. Each module holds one and describes it by `METHOD`, a `MethodSpec`.

A new method is a new module here: its name is the value of `method.name` in a config, and the
fields of its options are the other keys of that section.
"""

from gapjax.methods._base import EncodeText, Fit, LossOut, Method, Text, Variables, make_fit
from gapjax.methods._inference import Embeddings, Inference, Outputs, fixed_classes
from gapjax.methods._partition import joints_of_parts
from gapjax.methods._spec import Context, MethodSpec, get

__all__ = [
    "Context",
    "Embeddings",
    "EncodeText",
    "Fit",
    "Inference",
    "LossOut",
    "Method",
    "MethodSpec",
    "Outputs",
    "Text",
    "Variables",
    "fixed_classes",
    "get",
    "joints_of_parts",
    "make_fit",
]
