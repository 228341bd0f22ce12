"""The network of CADA-VAE and SynSE: autoencoders of skeletons and of texts in one latent space.

A text has one or several parts, such as noun and verb, each with latent dimensions of its own,
which together are those of the skeleton.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from gapjax.methods._on_features import Rows
from gapjax.nn.alignment import divergence_from_normal, gaussian_distance
from gapjax.nn.perceptron import Activation

# Xavier's uniform initializer with a gain of 0.5.
SMALL = nn.initializers.variance_scaling(0.25, "fan_avg", "uniform")


class Gaussian(NamedTuple):
    """A normal distribution of independent dimensions for each example.

    Attributes:
        mean: its means.
        log_variance: the logarithms of its variances.
    """

    mean: Float[Array, "n a"]
    log_variance: Float[Array, "n a"]

    def draw(self, keys: Key[Array, " n"]) -> Float[Array, "n a"]:
        """Return a sample of each, by a key of its own."""
        noise = jax.vmap(lambda key: jax.random.normal(key, self.mean.shape[1:]))(keys)
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
        self.terms(one, rows, jax.random.split(jax.random.key(0), 1))
        return self.skeleton.encode(features)

    def of_text(self, text: Rows) -> Gaussian:
        """Return the latent distribution of texts, the parts' side by side."""
        parts = [self.text[part].encode(text[part]) for part in self.parts]
        return Gaussian(*(jnp.concatenate(rows, axis=-1) for rows in zip(*parts, strict=True)))

    def terms(self, features: Float[Array, "b d"], text: Rows, keys: Key[Array, " b"]) -> Terms:
        """Return the losses of pairs of skeletons and texts."""
        skeletons, texts = self.skeleton.encode(features), self.of_text(text)
        first, second = jax.vmap(jax.random.split)(keys).T
        latent, text_latent = skeletons.draw(first), texts.draw(second)
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
