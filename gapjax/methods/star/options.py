"""The options of STAR and their values."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gapjax.methods.star.losses import SIMILARITIES
from gapjax.prompts.strings import PART
from gapjax.registry import check_choices, number, one_of

# The scale of text embeddings: (embeddings of the seen classes) → the factor.
TEXT_SCALES: dict[str, Callable[[Float[np.ndarray, "..."]], float]] = {
    "encoder": lambda _: 1.0,
    "unit": lambda text: 1.0 / float(np.sqrt(np.square(text).mean())),
}

# What scores compare a clip with: the class's name, or the descriptions of its parts as well.
SCORES = ("name", "name_and_parts")


@dataclass(frozen=True)
class Options:
    """The options of STAR; docs/fidelity.md lists where the paper and the release differ.

    Attributes:
        partition: a partition of the skeleton (`2`, `4`, `6`, ...), or `global`: one part, the
            whole body, described by the class's paragraph.
        class_text: the text that represents a class in recognition (F_cn): its `label`, as in the
            paper, its `paragraph`, or its `description`, the label with the movements of all parts.
        part_text: how a part's string is written (`gapjax.prompts.strings.PART`).
        text_scale: `encoder` for the embeddings as the text encoder returns them (CLIP's are near
            one in each dimension), or `unit` to divide them by the root mean square of the seen
            classes' embeddings, so that prompts, which start near one, do not dominate them.
        attributes: m, the attributes of each part and the size of the shared space.
        heads: attention heads; 8 in the paper, 4 as released.
        pooling: `attention`, or `mean` for the ablation without it.
        attribute_prompts: visual-attribute prompts: `learned`, or `none`.
        semantic_prompts: semantic-part prompts: `learned`, or `none`.
        semantic_prompt_scale: the standard deviation of the initial semantic-part prompts: 1 as
            released, where they dominate the text unless its scale is larger.
        similarity: `cosine` (released) or `dot` (Eq. 5, 7 and 9).
        score: `name` to compare a clip with the class's name (Eq. 9), or `name_and_parts` to
            compare its parts with their descriptions as well, without prompts for unseen classes.
        part_weight: the weight of the part loss (MPCE, Eq. 5); 0 disables it.
        semantic_weight: α of Eq. 8, the weight of the semantic loss (SCE, Eq. 6).
        global_weight: β of Eq. 8, the weight of the global loss (GCE, Eq. 7).
        semantic_classes: the classes of the semantic loss: `seen`, or `all` as released.
    """

    partition: str = "6"
    class_text: str = one_of("label", "paragraph", "description")
    part_text: str = one_of(*PART)
    text_scale: str = one_of(*TEXT_SCALES)
    attributes: int = number(100, least=1, most=10_000)
    heads: int = number(8, least=1, most=1024)
    pooling: str = one_of("attention", "mean")
    attribute_prompts: str = one_of("learned", "none")
    semantic_prompts: str = one_of("learned", "none")
    semantic_prompt_scale: float = 1.0
    similarity: str = one_of(*SIMILARITIES)
    score: str = one_of(*SCORES)
    part_weight: float = 1.0
    semantic_weight: float = 0.1
    global_weight: float = 0.1
    semantic_classes: str = one_of("seen", "all")

    def __post_init__(self) -> None:
        """Raise UserError for a value that is not among its choices."""
        check_choices(self, "method.")
