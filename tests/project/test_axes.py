"""Array annotations: written in the letters of CONTRIBUTING's table, and checked at run time."""

import ast
import contextlib
import re
from collections.abc import Iterator

import jaxtyping
import numpy as np
import pytest

from data_pipelines.specs.record import Record
from gapjax.analysis.metrics import top_k_accuracy
from support.source_tree import FILES, ROOT, tree_of

LETTERS = set("bmtvucdkpslehgrnfaq")
DTYPES = {
    name
    for name, value in vars(jaxtyping).items()
    if isinstance(value, type) and issubclass(value, jaxtyping.AbstractDtype)
}
ARRAYS = {"Array", "jax.Array", "np.ndarray", "ArrayLike"}
QUOTED = re.compile(rf"\b({'|'.join(DTYPES)})\[")


def shapes(tree: ast.AST) -> Iterator[str]:
    """Yield the shape strings of all array annotations, quoted ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).split(".")[-1] in DTYPES:
            yield node.slice.elts[1].value
        if isinstance(node, ast.Constant) and QUOTED.search(str(node.value)):
            # Not all such strings are annotations.
            with contextlib.suppress(SyntaxError):
                yield from shapes(ast.parse(node.value, mode="eval"))


def bare(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that name a type of arrays without a shape, aliases and strings included."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).split(".")[-1] in DTYPES:
            continue
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in ARRAYS:
            yield node.lineno
        elif isinstance(node, ast.Constant) and any(name in str(node.value) for name in ARRAYS):
            with contextlib.suppress(SyntaxError):
                yield from [node.lineno for _ in bare(ast.parse(node.value, mode="eval"))]
        # A type that is an argument is a value, as in isinstance(x, np.ndarray).
        elif not isinstance(node, ast.Call):
            yield from bare(node)


def in_letters(axis: str) -> bool:
    """Return whether an axis is a letter of the table, a number, or any number of axes."""
    match = re.fullmatch(r"[*#]?([a-z]?)\d*|\.\.\.|_", axis)
    return match is not None and set(match[1] or "") <= LETTERS


def test_letters_of_annotations() -> None:
    axes = {
        (axis, path)
        for path in FILES.values()
        for shape in shapes(tree_of(path))
        for axis in shape.split()
    }
    assert len(axes) > 100
    assert not [(axis, path.name) for axis, path in axes if not in_letters(axis)]


def test_every_array_has_a_shape() -> None:
    assert not {str(path): lines for path in FILES.values() if (lines := [*bare(tree_of(path))])}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f(x: Array) -> jax.Array: ...", 2),
        ("x: 'dict[str, np.ndarray] | None' = None", 1),
        ("Alias = Callable[[Float[Array, 'b']], Array]", 1),
        ("def f(x: Float[Array, 'b t']) -> bool: return isinstance(x, np.ndarray)", 0),
    ],
)
def test_arrays_without_a_shape_are_seen(source: str, count: int) -> None:
    assert len([*bare(ast.parse(source))]) == count


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x: Float[Array, 'b t']", ["b t"]),
        ("def f(x: dict[str, tuple[UInt32[np.ndarray, ' n'], ...]]) -> None: ...", [" n"]),
        ("def f() -> 'Float32[np.ndarray, \"n d\"] | None': ...", ["n d"]),
        ("Alias = Callable[[jaxtyping.Bool[Array, 'k']], None]", ["k"]),
    ],
)
def test_every_kind_of_annotation_is_read(source: str, expected: list[str]) -> None:
    assert list(shapes(ast.parse(source))) == expected


def test_table_of_contributing() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.split("## Axes")[1].split("## ")[0]
    assert set(re.findall(r"`([a-z])`", table)) == LETTERS


def test_a_wrong_rank_raises() -> None:
    """The tests check annotations at run time, in both packages."""
    score, label = np.zeros((4, 3), np.float32), np.zeros(4, np.int32)
    top_k_accuracy(score, label, 1)
    with pytest.raises(jaxtyping.TypeCheckError):
        top_k_accuracy(score[0], label, 1)
    Record(np.zeros((5, 1, 3, 2), np.float32), 0, 1, 1, 0, "sample")
    with pytest.raises(jaxtyping.TypeCheckError):
        Record(np.zeros((5, 3, 2), np.float32), 0, 1, 1, 0, "sample")
