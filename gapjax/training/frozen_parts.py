"""Parts of a network that an optimizer's rules freeze: in training they are as in evaluation."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

import flax.linen as nn
import jax
from jaxtyping import Array, Float, Int, Key

from gapjax.methods import Fit, LossOut, Method, Text, Variables, make_fit
from gapjax.parallel.tree_paths import first_matches
from gapjax.training.optimizer import ParameterRule

# The names of a module and of those that it lies in, the outermost first.
ModulePath = tuple[str, ...]


@dataclass(frozen=True)
class PartlyFrozen:
    """A method some of whose modules are not trained.

    Where all parameters of a module are frozen, it is called with `train=False`, if it takes that
    argument: its batch normalization uses the running statistics, and leaves them as they are.
    What is trained then sees the features that it will see in evaluation.

    Attributes:
        method: the method.
        rules: the rules of its optimizer.
    """

    method: Method
    rules: Sequence[ParameterRule]

    def prepare_text(self) -> Text:
        """Return the method's text."""
        return self.method.prepare_text()

    def init(self, rng: Key[Array, ""], clips: Float[Array, "b ..."]) -> Variables:
        """Return the method's variables."""
        return self.method.init(rng, clips)

    def loss(
        self,
        variables: Variables,
        clips: Float[Array, "b ..."],
        labels: Int[Array, " b"],
        text: Text,
        keys: Key[Array, " b"],
    ) -> LossOut:
        """Return the method's loss, with the frozen modules as in evaluation."""
        modules = frozen_modules(variables["params"], self.rules)
        with nn.intercept_methods(partial(_evaluate, modules)):
            return self.method.loss(variables, clips, labels, text, keys)

    def predict(
        self, variables: Variables, clips: Float[Array, "b ..."], text: Text
    ) -> Float[Array, "b k"]:
        """Return the method's scores."""
        return self.method.predict(variables, clips, text)

    def make_fit(self) -> Fit:
        """Return that of the method."""
        return make_fit(self.method)


def keep(method: Method, rules: Sequence[ParameterRule]) -> Method:
    """Return a method whose frozen modules stay as they are; itself if no rule freezes."""
    freezes = any(rule.learning_rate == 0 for rule in rules)
    return PartlyFrozen(method, rules) if freezes else method


def frozen_modules(params: Any, rules: Sequence[ParameterRule]) -> Set[ModulePath]:
    """Return the paths of the modules all of whose parameters are frozen.

    A method may keep a network's parameters below a name of its own, so each path is there from
    every name on, unless another module that is trained has the same.
    """
    indices = first_matches(params, [rule.pattern for rule in rules], "optimizer rule")
    frozen, trained = set[ModulePath](), set[ModulePath]()
    for path, index in jax.tree_util.tree_leaves_with_path(indices):
        names = tuple(key.key for key in path)
        is_frozen = index < len(rules) and rules[index].learning_rate == 0
        above = {names[start:end] for end in range(len(names)) for start in range(end)}
        (frozen if is_frozen else trained).update(above)
    return frozen - trained


def _evaluate(
    modules: Set[ModulePath],
    call: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    context: nn.module.InterceptorContext,
) -> Any:
    """Call a method of a Flax module, as in evaluation if the module is frozen."""
    if options.get("train") and context.module.path in modules:
        options = {**options, "train": False}
    return call(*arguments, **options)
