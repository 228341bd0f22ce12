"""The modules of the project and what each imports, as the syntax trees tell."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gapjax", "data_pipelines", "configs", "launch")


def _name(path: Path) -> str:
    """Return the dotted name of a module's file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Dotted name of a module → its file.
FILES = {_name(path): path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text())


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports anywhere, and those it reaches through `jax`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("jax."):
            yield ast.unparse(node)


def imported_modules(path: Path) -> set[str]:
    """Return the project's modules that a file imports."""
    modules = {name if name in FILES else name.rpartition(".")[0] for name in imported(path)}
    return {name for name in modules if name in FILES and not is_lookup_folder(name)}


def is_lookup_folder(name: str) -> bool:
    """Return whether a name is that of a package whose `__init__` only has a docstring.

    Modules are looked up in it by name: to import the package imports none of them.
    """
    path = FILES.get(name)
    return path is not None and path.name == "__init__.py" and len(tree_of(path).body) <= 1


def within(name: str, prefix: str) -> bool:
    """Return whether a dotted name is a prefix or lies below it."""
    return name == prefix or name.startswith(prefix + ".")
