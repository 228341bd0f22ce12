"""STAR after training: the embeddings of the classes, whichever they are, are an input."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from gapjax.methods import Context, Embeddings, Inference, Outputs, Variables
from gapjax.methods.star.method import Star, build
from gapjax.methods.star.network import StarNetwork, name_and_parts
from gapjax.methods.star.options import Options
from gapjax.methods.star.texts import embed_options, joints_of


@dataclass(frozen=True)
class AnyClasses:
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
        by_name, by_part = self.network.apply(variables, features, *text, method="similarities")
        score = name_and_parts(by_name, by_part) if self.score_by_parts else by_name
        return {"score": score, "part": by_part} if self.return_parts else {"score": score}


def inference(context: Context, options: Options) -> Inference:
    """Return the inference of the trained method, for any classes with embeddings."""
    star = build(context, options)
    parts = tuple(joints_of(options.partition, context.skeleton))
    compared_parts = parts if options.part_weight > 0 else ()
    trained = _trained(star, bool(compared_parts))
    return Inference(
        trained.strip,
        trained.apply,
        trained.embeddings,
        embed_options(options, parts, star.scale),
        compared_parts,
    )


def alignment(context: Context, options: Options) -> Inference:
    """Return the inference of the latents of clips and of the training classes (Eq. 1-4)."""
    star = build(context, options)
    trained = _trained(star, return_parts=False)

    def embeddings(variables: Variables) -> Embeddings:
        """Return the latents of names, and of descriptions with their trained prompts."""
        text, params = trained.embeddings(variables), trained.strip(variables)
        text = jax.tree.map(jnp.asarray, text)
        latents = trained.network.apply(params, text["part"], text["label"], method="texts")
        return dict(zip(("part", "whole"), latents, strict=True))

    def apply(
        variables: Variables, features: Float[Array, "b t v d"], embeddings: Embeddings
    ) -> Outputs:
        """Return the latents of clips."""
        del embeddings
        latents = trained.network.apply(variables, features, method="movements")
        return dict(zip(("part", "whole"), latents, strict=True))

    parts = tuple(joints_of(options.partition, context.skeleton))
    return Inference(trained.strip, apply, embeddings, parts=parts)


def _trained(star: Star, return_parts: bool) -> AnyClasses:
    return AnyClasses(
        network=star.network.clone(semantic_prompts="none"),
        text=star.text,
        prompted=star.prompted(),
        score_by_parts=star.options.score == "name_and_parts",
        return_parts=return_parts,
    )
