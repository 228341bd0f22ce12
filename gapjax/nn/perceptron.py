"""Perceptrons of any sizes, for the zero-shot baselines."""

from collections.abc import Callable, Sequence

import flax.linen as nn
from jaxtyping import Array, Float

from gapjax.nn.initializers import fan_in_uniform

Activation = Callable[[Float[Array, "..."]], Float[Array, "..."]]


def linear(size: int, channels: int, name: str | None = None) -> nn.Dense:
    """Return a linear layer from `channels` to `size`, initialized as PyTorch's are by default."""
    default = fan_in_uniform(channels)
    return nn.Dense(size, kernel_init=default, bias_init=default, name=name)


class Perceptron(nn.Module):
    """Linear layers, initialized as PyTorch's are by default, with activations.

    Attributes:
        sizes: the channels of each layer's output.
        hidden: the activation between layers.
        last: the activation of the last layer; None for none.
    """

    sizes: Sequence[int]
    hidden: Activation = nn.relu
    last: Activation | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "*n c"]) -> Float[Array, "*n d"]:
        """Return the outputs of the last layer."""
        for number, size in enumerate(self.sizes):
            x = linear(size, x.shape[-1], f"layer{number}")(x)
            if number < len(self.sizes) - 1:
                x = self.hidden(x)
        return self.last(x) if self.last else x
