"""What CADA-VAE and SynSE share: losses that change in cycles, and a second stage.

Once the autoencoders are trained, a linear classifier is fitted to latents of the classes' texts,
and recognizes skeletons by theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from gapjax.methods import Embeddings, Inference, LossOut, Outputs, Text, Variables
from gapjax.methods._latent_network import SMALL
from gapjax.methods._on_features import OnFeatures, pooled
from gapjax.nn.losses import cross_entropy
from gapjax.registry import number

# The fractions of a cycle after which the weight of divergences rises, and after which latents of
# one modality are decoded to the other: steps 1000 and 1500 of 1900.
RISE, CROSS = 10 / 19, 15 / 19


@dataclass(frozen=True)
class LatentOptions:
    """The options that both methods have.

    Attributes:
        latent: the dimensions of the latent space; 200 for NTU RGB+D 120.
        cycle: the steps after which the weights of the losses start anew.
        cycles: the cycles; after the last one its final weights stay.
        divergence: the weight of the skeletons' divergence at the end of a cycle.
        samples: the latents of each class that the classifier is fitted to.
        classifier_steps: the steps of Adam that fit it, on all latents each.
        classifier_rate: their learning rate.
    """

    latent: int = number(100, least=2, multiple=2)
    cycle: int = number(1900, least=1)
    cycles: int = number(10, least=1)
    divergence: float = number(0.03)
    samples: int = number(500, least=1)
    classifier_steps: int = number(300, least=1)
    classifier_rate: float = number(1e-3)


def progress(
    step: Int[Array, ""], options: LatentOptions
) -> tuple[Float[Array, ""], Float[Array, ""], Int[Array, ""]]:
    """Return how far a step is on the way from `RISE`, and from `CROSS`, to the end of its cycle.

    Both go from 0 to nearly 1. The third result is the number of the cycle, from 0.
    """
    step = jnp.minimum(step, options.cycles * options.cycle - 1)
    share = (step % options.cycle) / options.cycle
    rise, cross = (jnp.maximum(0.0, (share - after) / (1 - after)) for after in (RISE, CROSS))
    return rise, cross, step // options.cycle


@dataclass(frozen=True)
class LatentMethod(OnFeatures):
    """A method whose losses change with the steps, and that fits a classifier in evaluation.

    Attributes:
        options: its options.
    """

    options: Any

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b t v d"]) -> Variables:
        """Return freshly initialized variables, with the steps so far and the draws of `fit`.

        Neither is a statistic of batches: a checkpoint keeps them where it keeps those, with what a
        step changes without a gradient.
        """
        fresh, draws = super().init(rng, clips), jax.random.key_data(jax.random.fold_in(rng, 1))
        return {**fresh, "batch_stats": {"steps": jnp.zeros((), jnp.int32), "draws": draws}}

    def weights(self, step: Int[Array, ""]) -> Mapping[str, Float[Array, ""] | float]:
        """Return the weights of `_latent_network.Terms` in a step."""
        raise NotImplementedError

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b t v d"],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the weighted sum of the losses of a batch."""
        counts = variables["batch_stats"]
        step = counts["steps"]
        of_batch = jax.tree.map(lambda rows: rows[labels], text)
        params = {"params": variables["params"]}
        terms = self.network.apply(params, pooled(clips), of_batch, keys, method="terms")
        weights = self.weights(step)
        total = sum(
            (weights[name] * value for name, value in terms._asdict().items()), jnp.zeros(())
        )
        return LossOut(total, {**counts, "steps": step + 1}, {"loss": total, **terms._asdict()})

    def fit(self, variables: Variables, text: Text) -> Text:
        """Return a linear classifier of latents: `kernel` (a k) and `bias` (k).

        The draws are the same in each evaluation, and others with another seed.
        """
        classes = self.network.apply({"params": variables["params"]}, text, method="of_text")
        rows = jax.tree.map(lambda each: jnp.repeat(each, self.options.samples, axis=0), classes)
        seed = jax.random.wrap_key_data(variables["batch_stats"]["draws"])
        draw_key, key = jax.random.split(seed)
        draws = jax.random.split(draw_key, len(rows.mean))
        labels = jnp.repeat(jnp.arange(len(classes.mean)), self.options.samples)
        return fit_classifier(rows.draw(draws), labels, len(classes.mean), self.options, key)

    def predict(
        self, variables: Variables, clips: Float[Array, "b t v d"], text: Text
    ) -> Float[Array, "b k"]:
        """Return the logits of the classes by the classifier that `fit` returns."""
        mean = self.network.apply({"params": variables["params"]}, pooled(clips), method="mean")
        return mean @ text["kernel"] + text["bias"][None]


def fit_classifier(
    latents: Float[Array, "n a"],
    labels: Int[Array, " n"],
    classes: int,
    options: LatentOptions,
    key: Key[Array, ""],
) -> dict[str, Float[Array, "..."]]:
    """Return a linear classifier, fitted by Adam to the cross-entropy of all latents."""
    optimizer = optax.adam(options.classifier_rate)
    kernel = SMALL(key, (latents.shape[1], classes))
    start = {"kernel": kernel, "bias": jnp.zeros(classes)}

    def loss(classifier: dict[str, Float[Array, "..."]]) -> Float[Array, ""]:
        """Return the mean cross-entropy."""
        return cross_entropy(
            latents @ classifier["kernel"] + classifier["bias"][None], labels
        ).mean()

    def step(_: Any, state: Any) -> Any:
        """Return the classifier and the optimizer's state after a step."""
        classifier, moments = state
        updates, moments = optimizer.update(jax.grad(loss)(classifier), moments)
        return optax.apply_updates(classifier, updates), moments

    return jax.lax.fori_loop(0, options.classifier_steps, step, (start, optimizer.init(start)))[0]


def own_classes(method: LatentMethod) -> Inference:
    """Return the inference of a method for its own classes, to which the classifier is fitted."""

    def strip(variables: Variables) -> Variables:
        """Return the parameters of skeletons' means, and the classifier."""
        skeleton = {"mean": variables["params"]["skeleton"]["mean"]}
        classifier = jax.jit(method.fit)(variables, method.prepare_text())
        return {"params": {"skeleton": skeleton}, "classifier": classifier}

    def apply(
        variables: Variables, clips: Float[Array, "b t v d"], embeddings: Embeddings
    ) -> Outputs:
        """Return the logits."""
        del embeddings
        return {"score": method.predict(variables, clips, variables["classifier"])}

    return Inference(strip, apply, fits=True)
