"""Write docs/configs.md from the config files and dataclasses, and the studies' pages.

python -m docs.config_reference
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import configs
from gapjax.experiment import schema

PAGE = Path(__file__).with_name("configs.md")

HEAD = """# Configs

A config is a Python file with a function `get_config(variants)`; any file in any folder will do.
`--config=configs/gap_ucla.py:bone,quick` applies the variants `bone` and `quick`, in whatever order
they are named; `--config.train.epochs=20` sets a key. Your own may build on one of these, if gapjax
is installed from a clone (`pip install -e .`):

```python
from configs import gap_ucla


def get_config(variants=""):
    config = gap_ucla.get_config(variants)
    config.train.epochs = 30
    return config
```

This page is generated from the code by `python -m docs.config_reference`.
"""


def page() -> str:
    """Return the page's text."""
    lines = [HEAD, "## Experiments and variants", "", *experiments(), "## Keys", "", *keys()]
    return "\n".join(lines).rstrip() + "\n"


def experiments() -> Iterator[str]:
    """Yield for each experiment its file, its docstring and a table of its variants."""
    for name in _modules(configs):
        module = importlib.import_module(f"configs.{name}")
        if hasattr(module, "VARIANTS"):
            rows = [(f"`{key}`", _first(change)) for key, change in module.VARIANTS.items()]
            yield from (f"### {name}", "", "```text", inspect.getdoc(module), "```", "")
            yield from _table(("variant", "effect"), rows)


def keys() -> Iterator[str]:
    """Yield a table of keys, defaults and meanings for each section and each named part."""
    sections: dict[str, list[schema.Key]] = {}
    for key in schema.all_keys():
        sections.setdefault(key.section, []).append(key)
    for section, of_section in sections.items():
        if section not in schema.PARTS:
            yield from _keys(f"`{section}`" if section else "Top level", of_section)
    for section in schema.PARTS:
        for name in _modules(importlib.import_module(f"gapjax.{section}s")):
            yield from _keys(f"`{section}.name={name}`", schema.part_keys(section, name))


def _keys(title: str, of_section: Iterable[schema.Key]) -> Iterator[str]:
    rows = [(f"`{key.path}`", f"`{key.default!r}`", key.doc) for key in of_section]
    yield from (f"### {title}", "")
    yield from _table(("key", "default", "meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
    yield ""


def _modules(package: ModuleType) -> list[str]:
    """Return the names of a package's public modules."""
    names = (info.name for info in pkgutil.iter_modules(package.__path__))
    return [name for name in names if not name.startswith("_")]


def _first(change: Any) -> str:
    """Return the first line of a variant's docstring."""
    return (inspect.getdoc(change) or "").partition("\n")[0]


if __name__ == "__main__":
    from docs import expected_table, measured_tables, study_tables

    pages = {PAGE: page()}
    for module in (study_tables, measured_tables, expected_table):
        pages |= module.pages()
    for path, text in pages.items():
        path.write_text(text)
