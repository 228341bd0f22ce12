"""Random numbers with an address: the same numbers for the same place, in any order of asking.

Only the bit stream of Philox is taken from NumPy, which promises never to change it; NumPy's own
uniform and normal distributions carry no such promise between versions.
"""

import numpy as np
from jaxtyping import Float

# `float` alone does not take an int where types are checked at run time.
Number = int | float


class Draws:
    """A stream of random numbers that depends on nothing but its address."""

    def __init__(self, seed: int, *address: int) -> None:
        """Start the stream at `address`: at most five numbers from 0 to 4095."""
        place = sum(number << 12 * i for i, number in enumerate(address))
        self._bits = np.random.Philox(key=np.array([seed, place], np.uint64))

    def uniform(
        self, low: Number, high: Number, shape: tuple[int, ...]
    ) -> Float[np.ndarray, "..."]:
        """Return numbers of `shape` that are uniform in [low, high)."""
        count = int(np.prod(shape))
        unit = (self._bits.random_raw(count) >> np.uint64(11)) * 2.0**-53
        return low + (high - low) * unit.reshape(shape)

    def one(self, low: Number, high: Number) -> float:
        """Return one number that is uniform in [low, high)."""
        return float(self.uniform(low, high, (1,))[0])

    def normal(self, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
        """Return standard normal numbers of `shape` (Box and Muller, 1958)."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(0, 1, shape)))
        return radius * np.cos(self.uniform(0, 2 * np.pi, shape))
