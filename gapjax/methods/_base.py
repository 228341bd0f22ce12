"""What the training loop knows of a method, and what a method may know of the experiment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import flax.linen as nn
import numpy as np
from jaxtyping import Array, Float, Int, Key

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import Skeleton
from gapjax.prompts.strings import ClassText
from gapjax.registry import chosen
from gapjax.text.checkpoint import LoadedText

# A Flax variable collection: {"params": ..., "batch_stats": ...}.
Variables = Mapping[str, Any]

# Strings → their embeddings by a frozen text encoder.
EncodeText = Callable[[Sequence[str]], Float[np.ndarray, "n e"]]

# Whatever a method wants to be handed at every step: a pytree of arrays.
Text = Any


class LossOut(NamedTuple):
    """What a method's loss returns.

    Attributes:
        total: the scalar to minimise.
        batch_stats: the running statistics after this batch.
        scalars: what to log, by name.
    """

    total: Float[Array, ""]
    batch_stats: Any
    scalars: dict[str, Float[Array, ""]]


@dataclass(frozen=True)
class Ingredients:
    """What an experiment offers to the method it builds.

    Attributes:
        backbone: the skeleton encoder.
        skeleton: the body model.
        labels: the class names that scores are given for.
        texts: the classes' descriptions, in the order of `labels`.
        published: variables to start from (`networks.from_torch`); empty for none.
        load_text: opens the text encoder of the config; only methods that use text call it.
        encode_text: embeds strings with that encoder, frozen, from a cache where it can.
        unseen: the places in `labels` of the classes that no training sample has.
    """

    backbone: nn.Module
    skeleton: Skeleton
    labels: Sequence[str]
    texts: Sequence[ClassText] = field(default=())
    published: Variables = field(default_factory=dict)
    load_text: Callable[[], LoadedText] | None = None
    encode_text: EncodeText | None = None
    unseen: Sequence[int] = ()


@runtime_checkable
class Method(Protocol):
    """A way to train. Each module of `gapjax.methods` has one, as `build`.

    A module that says `ON_FEATURES = True` has a method whose clips are features of a frozen
    skeleton encoder, `b t v d`, and which recognises unseen classes.

    A module with `inference` (`gapjax.methods._inference`) makes runs that can be exported; one
    whose classes are an input of recognition has `embed`, which embeds the texts of classes.
    """

    def prepare_text(self) -> Text:
        """Return the pytree that the steps receive; runs on the host, once."""
        ...

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b ..."]) -> Variables:
        """Return freshly initialised variables."""
        ...

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b ..."],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the training loss of a batch."""
        ...

    def predict(
        self, variables: Variables, clips: Float[Array, "b ..."], text: Text
    ) -> Float[Array, "b k"]:
        """Return the scores of the classes."""
        ...


def joints_of_parts(
    skeleton: Skeleton, partition: str, others: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Return the joints of the parts of a partition, by the parts' names.

    Args:
        skeleton: the body model.
        partition: the name of the partition.
        others: what may be chosen besides, for messages.

    Raises:
        UserError: the skeleton has no such partition.
    """
    if not skeleton.partitions:
        raise UserError(
            f"method.partition={partition!r}: the skeleton {skeleton.name!r} has no parts; choose "
            f"{' or '.join(others)}, or convert again with `parts` in dataset.yaml"
        )
    chosen("method.partition", partition, (*others, *skeleton.partitions))
    return dict(skeleton.partitions[partition])
