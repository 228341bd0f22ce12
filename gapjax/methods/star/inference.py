"""STAR after training: the embeddings of the classes, whichever they are, are an input."""

from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from gapjax.methods import Context, Embeddings, Inference, Outputs, Variables
from gapjax.methods.star.losses import similarity
from gapjax.methods.star.method import build
from gapjax.methods.star.network import StarNetwork
from gapjax.methods.star.options import Options
from gapjax.methods.star.texts import embed_options, joints_of


@dataclass(frozen=True)
class Recognizer:
    """A trained network whose semantic-part prompts have become part of the embeddings.

    The network itself has no prompts left, so that classes with and without prompts are treated
    alike.

    Attributes:
        network: the network without semantic-part prompts.
        text: the embeddings of the training classes, without prompts.
        prompted: which of these classes have trained prompts.
        score_by_parts: whether the score includes the similarity of the parts.
        return_parts: whether the similarity of the parts is an output.
    """

    network: StarNetwork
    text: Embeddings
    prompted: Bool[np.ndarray, " k"]
    score_by_parts: bool
    return_parts: bool

    def strip(self, variables: Variables) -> Variables:
        """Return the parameters without the prompts."""
        params = {name: value for name, value in variables["params"].items() if name != "semantic"}
        return {"params": params}

    def embeddings(self, variables: Variables) -> Embeddings:
        """Return the embeddings of the training classes, with their trained prompts added."""
        if "semantic" not in variables["params"]:
            return dict(self.text)
        prompts = np.asarray(variables["params"]["semantic"]["prompts"])
        part = self.text["part"]
        return {**self.text, "part": np.where(self.prompted[:, None, None], part + prompts, part)}

    def apply(
        self, variables: Variables, features: Float[Array, "b t v d"], embeddings: Embeddings
    ) -> Outputs:
        """Return the similarity of clips and classes, and that of their parts."""
        text = embeddings["part"], embeddings["label"]
        latents = self.network.apply(variables, features, *text)
        compare = partial(similarity, how=self.network.similarity)
        by_name = compare(latents.whole, latents.label_text)
        by_part = jax.vmap(compare, in_axes=1, out_axes=2)(latents.part, latents.part_text)
        score = (by_name + by_part.mean(axis=2)) / 2 if self.score_by_parts else by_name
        return {"score": score, "part": by_part} if self.return_parts else {"score": score}


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method, for any classes with embeddings."""
    star = build(context, options)
    parts = tuple(joints_of(options.partition, context.skeleton))
    compared_parts = parts if options.part_weight > 0 else ()
    recognizer = Recognizer(
        network=star.network.clone(semantic_prompts="none"),
        text=star.text,
        prompted=star.prompted(),
        score_by_parts=options.score == "name_and_parts",
        return_parts=bool(compared_parts),
    )
    return Inference(
        recognizer.strip,
        recognizer.apply,
        recognizer.embeddings,
        embed_options(options, parts, star.scale),
        compared_parts,
    )
