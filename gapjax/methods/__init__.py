"""Training methods. Each module holds one and describes it by `METHOD`, a `MethodSpec`.

A new method is a new module here: its name is the value of `method.name` in a config, and the
fields of its options are the other keys of that section.
"""

from gapjax.methods._base import EncodeText, LossOut, Method, Text, Variables, fitted
from gapjax.methods._inference import Embeddings, Inference, Outputs, fixed_classes
from gapjax.methods._partition import joints_of_parts
from gapjax.methods._spec import Context, MethodSpec, get

__all__ = [
    "Context",
    "Embeddings",
    "EncodeText",
    "Inference",
    "LossOut",
    "Method",
    "MethodSpec",
    "Outputs",
    "Text",
    "Variables",
    "fitted",
    "fixed_classes",
    "get",
    "joints_of_parts",
]
