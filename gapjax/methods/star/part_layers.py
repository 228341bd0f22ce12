"""Linear layers of all body parts at once: what differs between parts has a leading axis `p`."""

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from gapjax.nn.initializers import Initializer, fan_in_uniform


class Linear(NamedTuple):
    """One linear map per part: x → x · kernel + bias.

    Attributes:
        kernel: of shape [parts, channels in, channels out].
        bias: of shape [parts, channels out].
    """

    kernel: Float[Array, "p c d"]
    bias: Float[Array, "p d"]

    def __call__(self, x: Float[Array, "p *n c"]) -> Float[Array, "p *n d"]:
        """Return every part's map of every vector of the part."""
        bias = self.bias.reshape(len(self.bias), *(1,) * (x.ndim - 2), -1)
        return jnp.einsum("p...c,pcd->p...d", x, self.kernel) + bias

    def then(self, second: "Linear") -> "Linear":
        """Return the one map that is this map followed by the second.

        This saves work where the map is applied to more vectors than it has channels.
        """
        bias = jnp.einsum("pd,pde->pe", self.bias, second.kernel) + second.bias
        return Linear(jnp.einsum("pcd,pde->pce", self.kernel, second.kernel), bias)


class PartLinear(nn.Module):
    """The parameters of one linear layer per part, initialized as PyTorch's are by default.

    Attributes:
        size: the number of channels out.
        kernel_init: another initializer of the kernels.
        bias_init: another initializer of the biases.
    """

    size: int
    kernel_init: Initializer | None = None
    bias_init: Initializer | None = None

    @nn.compact
    def __call__(self, parts: int, channels: int) -> Linear:
        """Return the maps from `channels` channels."""
        default = fan_in_uniform(channels)
        shape = (parts, channels, self.size)
        kernel = self.param("kernel", self.kernel_init or default, shape)
        return Linear(kernel, self.param("bias", self.bias_init or default, (parts, self.size)))


class PartProjector(nn.Module):
    """Two linear layers per part with a ReLU in between (STAR, section 3.3).

    Attributes:
        size: the number of channels out.
        hidden: the number of channels in between.
    """

    size: int
    hidden: int = 256

    @nn.compact
    def __call__(self, x: Float[Array, "k p e"]) -> Float[Array, "k p a"]:
        """Return the projections of every part's vectors."""
        parts, channels = x.shape[1:]
        inner = PartLinear(self.hidden, name="inner")(parts, channels)
        outer = PartLinear(self.size, name="outer")(parts, self.hidden)
        return outer(nn.relu(inner(x.swapaxes(0, 1)))).swapaxes(0, 1)
