"""The import laws (design law 2): which package may import which."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gapjax", "data_pipelines", "configs", "launch")

# What modules whose path begins with the key must not import. `gapjax` takes from
# `data_pipelines` only facts; the readers are opened by `experiment`.
FORBIDDEN = {
    "data_pipelines": ("jax", "flax", "gapjax", "configs"),
    "configs": ("jax", "flax", "tensorflow"),
    "launch": ("gapjax", "data_pipelines", "configs"),
    "gapjax": ("configs", "tensorflow", "tensorflow_datasets"),
    "gapjax/backbones": (
        "gapjax.methods",
        "gapjax.training.loop",
        "gapjax.experiment",
        "gapjax.nn.losses",
    ),
    "gapjax/text/encoders": ("gapjax.methods", "gapjax.training.loop", "gapjax.backbones"),
    "gapjax/methods": (
        "gapjax.training.loop",
        "gapjax.training.evaluation",
        "gapjax.experiment",
        "gapjax.inputs.feed",
    ),
    "gapjax/losses": ("gapjax.methods", "gapjax.training.loop", "gapjax.nn.heads"),
    "gapjax/train": ("gapjax.experiment", "gapjax.main", "gapjax.methods.gap"),
}
# The only modules that know a ConfigDict, and the only one that knows a PartitionSpec.
ALLOWED = {
    "ml_collections": {"gapjax/experiment/config_dict.py", "gapjax/experiment/command_line.py"},
    "jax.sharding": {"gapjax/parallel/sharding.py", "gapjax/parallel/shares.py"},
    "data_pipelines.readers.stream": {"gapjax/experiment/data.py"},
    "data_pipelines.storage.packed": {"gapjax/experiment/data.py"},
}


def sources() -> list[Path]:
    return sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports at module level."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    place = str(path.relative_to(ROOT).with_suffix(""))
    for prefix, packages in FORBIDDEN.items():
        if place == prefix or place.startswith(prefix + "/"):
            bad = [name for name in imported(path) for other in packages if within(name, other)]
            assert not bad, f"{place} must not import {bad}"


@pytest.mark.parametrize("package", ALLOWED)
def test_few_modules_know(package: str) -> None:
    users = {
        str(path.relative_to(ROOT))
        for path in sources()
        if any(within(name, package) for name in imported(path))
    }
    owners = ("data_pipelines/",) if package.startswith("data_pipelines") else ("configs/",)
    outside = {user for user in users if user not in ALLOWED[package]}
    assert not [user for user in outside if not user.startswith(owners)]


def test_nothing_is_replicated_by_hand() -> None:
    """Sharding is jit over a mesh: no pmap, no collective is written in the project."""
    for path in sources():
        words = {
            node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)
        } | {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
        }
        assert not words & {"pmap", "pmean", "psum", "axis_name"}, path


def test_training_imports_no_more_than_it_needs() -> None:
    """Every start of a run waits for what is imported."""
    late = ("matplotlib", "tensorflow", "transformers")
    code = f"import sys, gapjax.main; print(*[name for name in {late} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == []
