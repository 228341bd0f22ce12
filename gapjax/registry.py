"""A name in a config is the name of a module in a package, or one of the choices of a field."""

import dataclasses
import functools
import hashlib
import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from data_pipelines.errors import UserError, suggestion


def chosen(key: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        UserError: it is none of them; the message names `key` and lists the choices.
    """
    names = list(choices)
    if value not in names:
        hint = suggestion(str(value), names)
        there = f"there are: {', '.join(names)}" if names else "there are none"
        raise UserError(f"{key}={value!r} is not known{hint} ({there})")
    return value


def one_of(*values: str) -> Any:
    """Return a dataclass field that has one of some values; the first is the default."""
    return dataclasses.field(default=values[0], metadata={"choices": values})


def number(default: Any, least: int | float = 0, **limits: int | float) -> Any:
    """Return a dataclass field with a number, or numbers, in a range.

    Args:
        default: the value unless a config has another one.
        least: the least of the allowed numbers.
        limits: `most`, the largest of them, and `multiple`, whose multiples they are.
    """
    return dataclasses.field(default=default, metadata={"least": least, **limits})


def check_choices(options: Any, section: str = "") -> None:
    """Refuse a dataclass with a field whose value is none of those that `one_of` lists.

    Args:
        options: the dataclass.
        section: what messages put before the field's name, such as `train.`.

    Raises:
        UserError: names the field, and what it may be.
    """
    for field in dataclasses.fields(options):
        if "choices" in field.metadata:
            value = getattr(options, field.name)
            chosen(f"{section}{field.name}", value, field.metadata["choices"])


def choices(package: str) -> list[str]:
    """Return the names of the modules in `package`."""
    path = importlib.import_module(package).__path__
    names = (module.name for module in pkgutil.iter_modules(path))
    return sorted(name for name in names if not name.startswith("_"))


def module(package: str, name: str) -> ModuleType:
    """Import and return the module `name` of `package`.

    Raises:
        UserError: there is no such module; the message lists the modules.
    """
    names = choices(package)
    if name not in names:
        hint = suggestion(name, names)
        raise UserError(f"no module {name!r} in {package}{hint} (there are: {', '.join(names)})")
    return importlib.import_module(f"{package}.{name}")


@functools.cache
def code_digest(*names: str) -> str:
    """Return a digest of the source of modules, and of packages with all that is below them.

    It stands for the version of what they compute in the name of a file that is kept: a file of an
    older algorithm is not read. Any other edit is another version, too.
    """
    digest = hashlib.sha256()
    for name in names:
        top = Path(importlib.import_module(name).__file__ or "")
        files = sorted(top.parent.rglob("*.py")) if top.stem == "__init__" else [top]
        for file in files:
            digest.update(f"{name} {file.relative_to(top.parent)} {file.stat().st_size} ".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
