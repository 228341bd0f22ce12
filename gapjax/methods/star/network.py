"""STAR's network after the skeleton encoder: parts and their descriptions in one latent space.

Chen et al., Fine-Grained Side Information Guided Dual-Prompts for Zero-Shot Skeleton Action
Recognition, ACM MM 2024, section 3.3; sizes and initialization as in facts D.3.
"""

from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.linen.initializers import normal
from jaxtyping import Array, Bool, Float

from gapjax.methods.star.attention import PartAttributes
from gapjax.methods.star.losses import similarity
from gapjax.methods.star.part_layers import PartProjector


class Latents(NamedTuple):
    """Skeletons and texts in the shared latent space.

    Attributes:
        part: F_v^e, the movement of each part of each clip.
        whole: F_v, their weighted sum over parts.
        part_text: F_si^e, the descriptions of each class's parts.
        label_text: F_cn, the classes' names.
    """

    part: Float[Array, "b p a"]
    whole: Float[Array, "b a"]
    part_text: Float[Array, "k p a"]
    label_text: Float[Array, "k a"]


class SemanticPrompts(nn.Module):
    """Semantic-part prompts P_sp: a learned vector per class and part, added to its text (Eq. 4).

    Attributes:
        scale: the standard deviation of the initial prompts.
    """

    scale: float = 1.0

    @nn.compact
    def __call__(self, part_text: Float[Array, "k p e"]) -> Float[Array, "k p e"]:
        """Return the augmented texts."""
        return part_text + self.param("prompts", normal(self.scale), part_text.shape)


class StarNetwork(nn.Module):
    """The two streams, of skeletons and of texts: embeddings of a frozen text encoder, as they are.

    Attributes:
        parts: the joints of each part.
        size: the text's dimension.
        attributes: m, the dimension of the shared space.
        heads: the number of attention heads; 8 in the paper, 4 as released.
        pooling: `attention`, or `mean` for the ablation without it.
        attribute_prompts: visual-attribute prompts: `learned` or `none`.
        semantic_prompts: semantic-part prompts: `learned` or `none`.
        semantic_prompt_scale: the standard deviation of the initial semantic-part prompts.
        part_weights: the constant weight of each part in the sum F_v; all 1 if there are none.
        similarity: how `score` compares: `cosine` (released) or `dot` (Eq. 9).
    """

    parts: tuple[tuple[int, ...], ...]
    size: int = 768
    attributes: int = 100
    heads: int = 8
    pooling: str = "attention"
    attribute_prompts: str = "learned"
    semantic_prompts: str = "learned"
    semantic_prompt_scale: float = 1.0
    part_weights: tuple[float, ...] = ()
    similarity: str = "cosine"

    def setup(self) -> None:
        """Create the skeleton stream, the prompts of the texts and the projectors."""
        self.skeleton = PartAttributes(
            parts=self.parts,
            size=self.size,
            attributes=self.attributes,
            heads=self.heads,
            pooling=self.pooling,
            prompts=self.attribute_prompts,
        )
        learned = self.semantic_prompts == "learned"
        self.semantic = SemanticPrompts(self.semantic_prompt_scale) if learned else None
        self.part_projector = PartProjector(self.attributes)
        self.label_projector = PartProjector(self.attributes)

    def __call__(
        self,
        features: Float[Array, "b t v c"],
        part_text: Float[Array, "k p e"],
        label_text: Float[Array, "k e"],
    ) -> Latents:
        """Return the latents of clips and texts, for training.

        Args:
            features: one body's features, of shape [batch, frames, joints, channels].
            part_text: the descriptions of the parts of all classes, seen and unseen.
            label_text: the names of all classes.
        """
        texts = self.texts(self._prompted(part_text), label_text)
        return Latents(*self.movements(features), *texts)

    def movements(
        self, features: Float[Array, "b t v c"]
    ) -> tuple[Float[Array, "b p a"], Float[Array, "b a"]]:
        """Return the latents of clips: of their parts, and whole."""
        part = self.skeleton(features)
        return part, self._whole(part)

    def texts(
        self, part_text: Float[Array, "k p e"], label_text: Float[Array, "k e"]
    ) -> tuple[Float[Array, "k p a"], Float[Array, "k a"]]:
        """Return the latents of texts, of parts and of names, without prompts."""
        return self.part_projector(part_text), self._labels(label_text)

    def score(
        self, features: Float[Array, "b t v c"], label_text: Float[Array, "k e"]
    ) -> Float[Array, "b k"]:
        """Return the similarity of clips and the names of any classes (Eq. 9 without γ).

        Neither descriptions nor semantic-part prompts are used.
        """
        whole = self._whole(self.skeleton(features))
        return similarity(whole, self._labels(label_text), self.similarity)

    def score_with_parts(
        self,
        features: Float[Array, "b t v c"],
        part_text: Float[Array, "k p e"],
        label_text: Float[Array, "k e"],
        prompted: Bool[np.ndarray, " k"],
    ) -> Float[Array, "b k"]:
        """Return the similarity of clips and classes, by names and by descriptions of parts.

        It is not in the paper: the mean of `score` and of the parts' similarities, which the part
        loss trains.

        Args:
            features: one body's features, of shape [batch, frames, joints, channels].
            part_text: the descriptions of the parts of all classes.
            label_text: the names of all classes.
            prompted: which classes have trained semantic-part prompts; the others have none.
        """
        texts = jnp.where(prompted[:, None, None], self._prompted(part_text), part_text)
        return name_and_parts(*self.similarities(features, texts, label_text))

    def similarities(
        self,
        features: Float[Array, "b t v c"],
        part_text: Float[Array, "k p e"],
        label_text: Float[Array, "k e"],
    ) -> tuple[Float[Array, "b k"], Float[Array, "b k p"]]:
        """Return the similarities of clips and classes by names and by parts, without prompts."""
        part, compare = self.skeleton(features), partial(similarity, kind=self.similarity)
        by_part = jax.vmap(compare, in_axes=1, out_axes=2)(part, self.part_projector(part_text))
        return compare(self._whole(part), self._labels(label_text)), by_part

    def _prompted(self, part_text: Float[Array, "k p e"]) -> Float[Array, "k p e"]:
        return part_text if self.semantic is None else self.semantic(part_text)

    def _whole(self, part: Float[Array, "b p a"]) -> Float[Array, "b a"]:
        """Return the global latents F_v."""
        weights = jnp.asarray(self.part_weights or (1.0,) * len(self.parts))
        return (part * weights[None, :, None]).sum(axis=1)

    def _labels(self, label_text: Float[Array, "k e"]) -> Float[Array, "k a"]:
        return self.label_projector(label_text[:, None])[:, 0]


def name_and_parts(
    by_name: Float[Array, "b k"], by_part: Float[Array, "b k p"]
) -> Float[Array, "b k"]:
    """Return the mean of the similarity by name and of the parts' mean similarity."""
    return (by_name + by_part.mean(axis=2)) / 2
