"""The description by which an experiment builds a method."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import flax.linen as nn
import numpy as np
from jaxtyping import Float

from data_pipelines.specs.skeletons import Skeleton
from gapjax.backbones import FromTorch
from gapjax.methods._base import EncodeText, Method, Variables
from gapjax.methods._inference import Inference
from gapjax.nn.torch_weights import StateDict
from gapjax.prompts.descriptions import ClassText
from gapjax.registry import module
from gapjax.text.embedding_cache import TextEmbedder
from gapjax.text.encoder import LoadedText, TextOptions

# An instance of the dataclass `MethodSpec.options`.
Options = Any


@dataclass(frozen=True)
class Context:
    """The parts of an experiment that a method is built from.

    Attributes:
        backbone: the skeleton encoder.
        skeleton: the body model.
        labels: the names of the classes that scores are given for.
        descriptions: the descriptions of the classes, in the order of `labels`.
        published: variables to start from, of another run or published (`MethodSpec.from_torch`),
            by the names of the network's parts; those that fit are taken. Empty for none.
        encode: strings → the embeddings of the frozen text encoder.
        load_text: () → the text encoder with its weights, to train it.
        unseen: the indices in `labels` of the classes without training samples.
    """

    backbone: nn.Module
    skeleton: Skeleton
    labels: Sequence[str]
    descriptions: Sequence[ClassText] = ()
    published: Variables = field(default_factory=dict)
    encode: EncodeText = TextEmbedder(TextOptions()).embed
    load_text: Callable[[], LoadedText] = TextEmbedder(TextOptions()).load
    unseen: Sequence[int] = ()


def _uses_text(options: Options) -> bool:
    del options
    return True


@dataclass(frozen=True)
class MethodSpec:
    """A method as its module describes it, in the constant `METHOD`.

    Attributes:
        options: the dataclass of the method's options: its fields are the keys `method.*` of a
            config.
        build: (context, options) → the method.
        inference: (context, options) → the inference of the trained method; None if its runs cannot
            be exported.
        alignment: (context, options) → the inference of what the method compares: outputs `whole`
            (b a) and `part` (b p a) of clips, and embeddings `whole` (k a) and `part` (k p a) of
            the training classes, of which one pair may be missing; None if it has no such space.
        learns_from: `clips`, or `features` of a frozen skeleton encoder. Methods on features also
            recognize classes without training samples.
        uses_text: (options) → whether the method needs the descriptions of the classes.
        class_strings: (descriptions, options) → the strings by which classes must differ; None for
            a method that uses no text.
        embed: (descriptions, `Inference.embed_options`, text encoder) → the embeddings of any
            classes; None if the classes are fixed.
        from_torch: (published state dict, the backbone's importer) → variables to start from, for
            `Context.published`; None if the method starts from no weights.
        of_classes: the parts of its network that have something for each class.
    """

    options: type
    build: Callable[[Context, Options], Method]
    inference: Callable[[Context, Options], Inference] | None = None
    alignment: Callable[[Context, Options], Inference] | None = None
    learns_from: Literal["clips", "features"] = "clips"
    uses_text: Callable[[Options], bool] = _uses_text
    class_strings: Callable[[Sequence[ClassText], Options], list[list[str]]] | None = None
    embed: (
        Callable[
            [Sequence[ClassText], Mapping[str, Any], EncodeText],
            dict[str, Float[np.ndarray, "k ..."]],
        ]
        | None
    ) = None
    from_torch: Callable[[StateDict, FromTorch], Variables] | None = None
    of_classes: tuple[str, ...] = ("classifier",)


def get(name: str) -> MethodSpec:
    """Return the description of the method in the module `gapjax.methods.<name>`.

    Raises:
        UserError: there is no such module.
    """
    return module("gapjax.methods", name).METHOD
