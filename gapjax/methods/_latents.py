"""What CADA-VAE and SynSE share: autoencoders of skeletons and of texts in one latent space.

A text has one or several parts, such as noun and verb, each with latent dimensions of its own,
which together are those of the skeleton. Once they are trained, a linear classifier is fitted to
latents of the classes' texts, and recognizes skeletons by theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from gapjax.methods import Embeddings, Inference, LossOut, Outputs, Text, Variables
from gapjax.methods._on_features import OnFeatures, Rows, pooled
from gapjax.nn.alignment import divergence_from_normal, gaussian_distance
from gapjax.nn.losses import cross_entropy
from gapjax.nn.perceptron import Activation
from gapjax.registry import number

# Xavier's uniform initializer with a gain of 0.5.
SMALL = nn.initializers.variance_scaling(0.25, "fan_avg", "uniform")
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


class Gaussian(NamedTuple):
    """A normal distribution of independent dimensions for each example.

    Attributes:
        mean: its means.
        log_variance: the logarithms of its variances.
    """

    mean: Float[Array, "*n a"]
    log_variance: Float[Array, "*n a"]

    def draw(self, key: Key[Array, ""]) -> Float[Array, "*n a"]:
        """Return a sample of each."""
        noise = jax.random.normal(key, self.mean.shape)
        return self.mean + jnp.exp(0.5 * self.log_variance) * noise


class Autoencoder(nn.Module):
    """A variational autoencoder of one linear layer each way.

    Attributes:
        latent: the dimensions of the latent space.
        last: the activation of what is decoded; None for none.
    """

    latent: int
    last: Activation | None = None

    def setup(self) -> None:
        """Create the encoder."""
        self.mean = nn.Dense(self.latent, kernel_init=SMALL)
        self.log_variance = nn.Dense(self.latent, kernel_init=SMALL)

    def encode(self, x: Float[Array, "n c"]) -> Gaussian:
        """Return the latent distribution of vectors."""
        return Gaussian(self.mean(x), self.log_variance(x))

    @nn.compact
    def decode(self, latent: Float[Array, "n a"], size: int) -> Float[Array, "n c"]:
        """Return vectors of `size` channels."""
        decoded = nn.Dense(size, kernel_init=SMALL, name="decoder")(latent)
        return self.last(decoded) if self.last else decoded


class Terms(NamedTuple):
    """The losses of a batch, before they are weighed.

    Attributes:
        skeleton: the squared error of skeletons, the mean over their channels.
        text: that of texts, the sum over their parts.
        skeleton_divergence: of the skeletons' latent distributions from the normal one.
        text_divergence: of the texts'.
        cross: the squared errors of what is decoded from the other modality.
        distance: of the latent distributions of skeletons and texts.
    """

    skeleton: Float[Array, ""]
    text: Float[Array, ""]
    skeleton_divergence: Float[Array, ""]
    text_divergence: Float[Array, ""]
    cross: Float[Array, ""]
    distance: Float[Array, ""]


class Network(nn.Module):
    """The autoencoders. Features are after a ReLU, and so is what is decoded to them.

    Attributes:
        parts: the parts of a text, in the order of their latent dimensions.
        latent: the dimensions of a skeleton's latent.
    """

    parts: tuple[str, ...]
    latent: int

    def setup(self) -> None:
        """Create the autoencoders."""
        self.skeleton = Autoencoder(self.latent, nn.relu)
        each = self.latent // len(self.parts)
        self.text = {part: Autoencoder(each) for part in self.parts}

    def __call__(self, features: Float[Array, "b d"], text: Rows) -> Gaussian:
        """Run every layer, to initialize it; return the latent distribution of skeletons."""
        rows = {part: text[part][:1] for part in self.parts}
        one = features[:1]
        self.terms(one, rows, jax.random.key(0))
        return self.skeleton.encode(features)

    def of_text(self, text: Rows) -> Gaussian:
        """Return the latent distribution of texts, the parts' side by side."""
        parts = [self.text[part].encode(text[part]) for part in self.parts]
        return Gaussian(*(jnp.concatenate(rows, axis=-1) for rows in zip(*parts, strict=True)))

    def terms(self, features: Float[Array, "b d"], text: Rows, key: Key[Array, ""]) -> Terms:
        """Return the losses of pairs of skeletons and texts."""
        skeletons, texts = self.skeleton.encode(features), self.of_text(text)
        keys = jax.random.split(key)
        latent, text_latent = skeletons.draw(keys[0]), texts.draw(keys[1])
        size = features.shape[1]
        crossed = _error(self.skeleton.decode(text_latent, size), features)
        return Terms(
            skeleton=_error(self.skeleton.decode(latent, size), features),
            text=self._text_error(text_latent, text),
            skeleton_divergence=divergence_from_normal(*skeletons).mean(),
            text_divergence=divergence_from_normal(*texts).mean(),
            cross=crossed + self._text_error(latent, text),
            distance=gaussian_distance(tuple(skeletons), tuple(texts)).mean(),
        )

    def _text_error(self, latent: Float[Array, "b a"], text: Rows) -> Float[Array, ""]:
        """Return the squared errors of texts decoded from latents, the sum over parts."""
        shares = jnp.split(latent, len(self.parts), axis=1)
        errors = [
            _error(self.text[part].decode(share, text[part].shape[1]), text[part])
            for part, share in zip(self.parts, shares, strict=True)
        ]
        return sum(errors, start=jnp.zeros(()))

    def mean(self, features: Float[Array, "b d"]) -> Float[Array, "b a"]:
        """Return the means of the skeletons' latent distributions."""
        return self.skeleton.mean(features)


def _error(found: Float[Array, "b c"], wanted: Float[Array, "b c"]) -> Float[Array, ""]:
    return jnp.square(found - wanted).mean()


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
        """Return freshly initialized variables, with the number of steps so far."""
        fresh = super().init(rng, clips)
        return {**fresh, "batch_stats": {"steps": jnp.zeros((), jnp.int32)}}

    def weights(self, step: Int[Array, ""]) -> Mapping[str, Float[Array, ""] | float]:
        """Return the weights of `Terms` in a step."""
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
        step = variables["batch_stats"]["steps"]
        of_batch = jax.tree.map(lambda rows: rows[labels], text)
        params = {"params": variables["params"]}
        terms = self.network.apply(params, pooled(clips), of_batch, keys[0], method="terms")
        weights = self.weights(step)
        total = sum(
            (weights[name] * value for name, value in terms._asdict().items()), jnp.zeros(())
        )
        return LossOut(total, {"steps": step + 1}, {"loss": total, **terms._asdict()})

    def fit(self, variables: Variables, text: Text) -> Text:
        """Return a linear classifier of latents: `kernel` (a k) and `bias` (k)."""
        classes = self.network.apply({"params": variables["params"]}, text, method="of_text")
        rows = jax.tree.map(lambda each: jnp.repeat(each, self.options.samples, axis=0), classes)
        draw_key, key = jax.random.split(jax.random.key(0))
        labels = jnp.repeat(jnp.arange(len(classes.mean)), self.options.samples)
        return fit_classifier(rows.draw(draw_key), labels, len(classes.mean), self.options, key)

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


def inference_of(method: LatentMethod) -> Inference:
    """Return the inference of a method for its own classes, to which the classifier is fitted."""

    def strip(variables: Variables) -> Variables:
        """Return the parameters of skeletons' means, and the classifier."""
        skeleton = {"mean": variables["params"]["skeleton"]["mean"]}
        text = jax.tree.map(jnp.asarray, method.prepare_text())
        return {
            "params": {"skeleton": skeleton},
            "classifier": jax.jit(method.fit)(variables, text),
        }

    def apply(
        variables: Variables, clips: Float[Array, "b t v d"], embeddings: Embeddings
    ) -> Outputs:
        """Return the logits."""
        del embeddings
        return {"score": method.predict(variables, clips, variables["classifier"])}

    return Inference(strip, apply)
