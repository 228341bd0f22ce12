"""Random numbers that depend only on a seed and an address.

They use only Philox's bit stream, which NumPy guarantees for all versions, unlike its uniform and
normal distributions.
"""

import numpy as np
from jaxtyping import Float

# Runtime type checks of `float` do not accept an int.
Number = int | float


class Draws:
    """A stream of random numbers."""

    def __init__(self, seed: int, *address: int) -> None:
        """Start the stream at `address`: at most five numbers from 0 to 4095."""
        packed = sum(number << 12 * i for i, number in enumerate(address))
        self._bits = np.random.Philox(key=np.array([seed, packed], np.uint64))

    def uniform(
        self, low: Number, high: Number, shape: tuple[int, ...]
    ) -> Float[np.ndarray, "..."]:
        """Return uniform numbers in [low, high)."""
        count = int(np.prod(shape))
        unit = (self._bits.random_raw(count) >> np.uint64(11)) * 2.0**-53
        return low + (high - low) * unit.reshape(shape)

    def one(self, low: Number, high: Number) -> float:
        """Return one uniform number in [low, high)."""
        return float(self.uniform(low, high, (1,))[0])

    def normal(self, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
        """Return standard normal numbers (Box and Muller, 1958)."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(0, 1, shape)))
        return radius * np.cos(self.uniform(0, 2 * np.pi, shape))
