"""Every array annotation is written in the letters of CONTRIBUTING's table."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LETTERS = set("bmtvucdkpslehgrnfaq")
KINDS = {"Float", "Int", "Bool", "Key", "Shaped", "UInt8"}


def shapes(path: Path) -> list[str]:
    """Return the shape strings of a file's jaxtyping annotations."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", None) in KINDS:
            found.append(node.slice.elts[1].value)
    return found


@pytest.mark.parametrize("package", ["gapjax", "data_pipelines"])
def test_letters_of_annotations(package: str) -> None:
    axes = {
        (axis, str(path.relative_to(ROOT)))
        for path in (ROOT / package).rglob("*.py")
        for shape in shapes(path)
        for axis in shape.split()
    }
    assert axes
    unknown = {
        (axis, path)
        for axis, path in axes
        if not (
            re.fullmatch(r"[*#]?[a-z]?\d*|\.\.\.|_", axis)
            and set(axis) - set("*#._0123456789") <= LETTERS
        )
    }
    assert not unknown


def test_table_of_contributing() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.split("## Axes")[1].split("## ")[0]
    assert set(re.findall(r"`([a-z])`", table)) == LETTERS
