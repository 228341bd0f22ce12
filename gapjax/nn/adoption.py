"""Variables of another network as a start of training."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from gapjax.parallel.tree_paths import path_name


def adopt(fresh: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return fresh variables, with those given in their place that fit by path and shape.

    >>> adopt({"a": jnp.zeros(2), "b": jnp.zeros(1)}, {"a": jnp.zeros(3), "b": jnp.ones(1)})
    {'a': Array([0., 0.], dtype=float32), 'b': Array([1.], dtype=float32)}
    """
    adopted: dict[str, Any] = {}
    for name, value in fresh.items():
        there = given.get(name)
        if isinstance(value, Mapping):
            adopted[name] = adopt(value, there if isinstance(there, Mapping) else {})
        else:
            fits = getattr(there, "shape", None) == value.shape
            adopted[name] = jnp.asarray(there, value.dtype) if fits else value
    return adopted


@dataclass(frozen=True)
class Adoption:
    """The paths of the arrays that training takes of others, leaves there, and begins anew.

    A path is a kind of variables, a part of the network, and what is in it, such as
    `params/classifier/Dense_0/bias`.

    Attributes:
        taken: what is taken.
        left: what is there, and has no place here.
        new: what is not there, or is in another shape.
    """

    taken: frozenset[str]
    left: frozenset[str]
    new: frozenset[str]

    @classmethod
    def of(
        cls, fresh: Mapping[str, Any], given: Mapping[str, Any], others: Iterable[str] = ()
    ) -> "Adoption":
        """Return what `adopt` does, by arrays or `jax.ShapeDtypeStruct`s.

        Args:
            fresh: the variables that training begins with: kind → part → arrays.
            given: the variables that are there.
            others: parts that are not taken, for what they mean is another thing here.
        """
        here, there = _shapes(fresh), _shapes(given)
        fits = (name for name, shape in here.items() if there.get(name) == shape)
        taken = frozenset(name for name in fits if part_of(name) not in set(others))
        return cls(taken, frozenset(there) - taken, frozenset(here) - taken)

    def __str__(self) -> str:
        """Return a line: `takes 310 arrays (backbone 310); left there: classifier 2; new: ...`."""
        line = f"takes {len(self.taken)} arrays ({_listed(self.taken) or 'none'})"
        for title, names in (("left there", self.left), ("new here", self.new)):
            line += f"; {title}: {_listed(names)}" if names else ""
        return line

    def new_in(self, part: str) -> int:
        """Return how many arrays of a part begin anew."""
        return _parts(self.new)[part]

    def taken_in(self, part: str) -> int:
        """Return how many arrays of a part are taken."""
        return _parts(self.taken)[part]


def part_of(name: str) -> str:
    """Return the part of a network that the path of an array is in."""
    return name.split("/")[1]


def _shapes(variables: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return path → shape of every array."""
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    return {path_name(path): tuple(leaf.shape) for path, leaf in leaves}


def _parts(names: Iterable[str]) -> Counter[str]:
    """Return part → how many arrays it has."""
    return Counter(map(part_of, sorted(names)))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{part} {count}" for part, count in _parts(names).items())
