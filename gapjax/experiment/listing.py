"""What `--list` and `--help` tell of configs, variants and the parts that a config may name."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from data_pipelines.specs import catalog
from gapjax import registry
from gapjax.experiment.config_dict import variants

HELP = """\
Configs, here of the command that trains and evaluates:

  python -m gapjax.main --config=configs/gap_demo.py:smoke --workdir=runs/smoke
  python -m gapjax.main --config=configs/gap_ucla.py:clip,bone --workdir=runs/ucla_bone
  python -m gapjax.main --config=configs/star_demo.py --config.train.epochs=5 --workdir=runs/short

--config=FILE:VARIANTS names a config file and its variants, in any order; --config.KEY=VALUE sets
one key, such as --config.train.batch_size=16 or --config.backbone.name=shift_gcn. --list lists the
configs, their variants, and the datasets, methods, backbones and text encoders that keys may name;
docs/configs.md has all keys. --nocompilation_cache compiles anew, and keeps no compiled programs.
"""

_PACKAGES = {
    "methods (method.name)": "gapjax.methods",
    "backbones (backbone.name)": "gapjax.backbones",
    "text encoders (text.encoder)": "gapjax.text.encoders",
    "datasets (data.dataset)": "data_pipelines.datasets",
}


def text(folder: Path) -> str:
    """Return the list of the configs in a folder and of all parts, each with its first line."""
    return "\n".join([*_configs(folder), *_parts()])


def _configs(folder: Path) -> Iterator[str]:
    yield f"configs in {folder}/, with their variants"
    for path in sorted(folder.glob("*.py")):
        if "def get_config" not in path.read_text(encoding="utf-8"):
            continue
        yield _line(path.name, ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))))
        for name, variant in variants(path).items():
            yield "  " + _line(f":{name}", inspect.getdoc(variant))


def _parts() -> Iterator[str]:
    for title, package in _PACKAGES.items():
        yield f"\n{title}"
        for name in registry.choices(package):
            yield _line(name, import_module(f"{package}.{name}").__doc__)
    yield _line("(converted ones)", f"of {', '.join(catalog.formats())} files, by name")


def _line(name: str, doc: str | None) -> str:
    """Return a name and the first line of its text.

    >>> _line("a", "What it is.")
    '  a                     What it is.'
    """
    return f"  {name:21} {(doc or '').strip().partition(chr(10))[0]}".rstrip()
