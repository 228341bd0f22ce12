"""The keys of a config, which are the fields of `Plan` and of the dataclasses in it.

A key's default and its meaning stand in its dataclass alone. The keys of a named part, `backbone`
and `method`, are the fields of the class that the named module has.
"""

import dataclasses
import functools
import inspect
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, get_args, get_type_hints

from data_pipelines.errors import UserError
from gapjax import backbones, methods, registry
from gapjax.experiment import ranges
from gapjax.experiment.plan import NOT_KEYS, Part, Plan
from gapjax.inputs.clips import ClipRecipe
from gapjax.parallel.partition_rules import PartitionRule

# Named parts → the part that a config has unless it names another one.
PARTS = {"backbone": "ctr_gcn", "method": "supervised"}


class Key(NamedTuple):
    """One key of a config.

    Attributes:
        section: the section, such as `train` or `encoder.optimizer`; empty for the keys on top.
        name: the key within it.
        default: the value unless a config sets another one.
        doc: what it means.
        hint: its type.
        limits: the metadata of its field, with the range of a number.
    """

    section: str
    name: str
    default: Any
    doc: str
    hint: Any
    limits: Mapping[str, Any] = MappingProxyType({})

    @property
    def path(self) -> str:
        """Return the dotted key."""
        return f"{self.section}.{self.name}" if self.section else self.name


@functools.cache
def all_keys(**parts: str) -> tuple[Key, ...]:
    """Return every key of a config whose `backbone` and `method` are `parts` (default: `PARTS`).

    Raises:
        UserError: there is no such part.
    """
    return tuple(_walk("", Plan, None, PARTS | parts))


def part_keys(section: str, name: str) -> list[Key]:
    """Return the keys of a backbone or method, its name first; see `all_keys`."""
    return [key for key in all_keys(**{section: name}) if key.section == section]


def _walk(section: str, make: Any, preset: Any, parts: Mapping[str, str]) -> Iterator[Key]:
    """Yield the keys of a dataclass and of those within it; `preset` overrides defaults."""
    docs, hints = attribute_docs(make), get_type_hints(make)
    for field in dataclasses.fields(make):
        path, hint = f"{section}.{field.name}".lstrip("."), hints[field.name]
        if NOT_KEYS & {field.name, path}:
            continue
        default = getattr(preset, field.name, field.default)
        if hint is Part:
            if path in parts:
                yield Key(path, "name", parts[path], f"a module of `gapjax.{path}s`.", str)
            yield from _walk(path, part_class(path, parts.get(path, "")), None, parts)
        elif dataclasses.is_dataclass(hint):
            yield from _walk(path, hint, default, parts)
        else:
            yield Key(section, field.name, default, docs.get(field.name, ""), hint, field.metadata)


def part_class(section: str, name: str) -> type:
    """Return the class whose fields are the keys of a part."""
    if section == "clips":
        return ClipRecipe
    return backbones.get(name).module if section == "backbone" else methods.get(name).options


def attribute_docs(make: type) -> dict[str, str]:
    """Return field → its text in the `Attributes:` section of a class's docstring.

    >>> attribute_docs(Key)["name"]
    'the key within it.'
    """
    docs = {}
    for base in reversed(make.__mro__):
        text = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")[2]
        entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", text, flags=re.MULTILINE)
        docs |= {name: " ".join(doc.split()) for name, doc in entries}
    return docs


def defaults(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted key → default, of a config that names the parts that `flat` names."""
    return {key.path: key.default for key in keys_of(flat)}


def keys_of(flat: Mapping[str, Any]) -> tuple[Key, ...]:
    """Return every key of a config that names the parts that `flat` names."""
    return all_keys(**{part: flat.get(f"{part}.name", name) for part, name in PARTS.items()})


def check_keys(paths: Iterable[str], known: Collection[str]) -> None:
    """Raise UserError for an unknown dotted key; it lists the keys of the section."""
    for path in paths:
        if path not in known:
            section = path.rpartition(".")[0] + "."
            names = [key.removeprefix(section) for key in known if key.startswith(section)]
            listed = f" (there are: {', '.join(names)})" if names else ""
            hint = registry.suggestion(path, list(known))
            raise UserError(f"unknown config key {path!r}{hint}{listed}")


def read_flat(flat: Mapping[str, Any]) -> Plan:
    """Return the plan of dotted keys, such as a config.json has; a missing one takes its default.

    Raises:
        UserError: a key or a part is unknown, or a value is invalid.
    """
    known = defaults(flat)
    check_keys(flat, known)
    values = {}
    for key in keys_of(flat):
        value = _tuples(flat.get(key.path, key.default))
        ranges.check(key.path, value, key.hint, key.limits)
        is_whole = key.hint in (float, float | None) and isinstance(value, int)
        values[key.path] = float(value) if is_whole else value
    return _fill(Plan, "", values)


def _fill(make: Any, section: str, values: Mapping[str, Any]) -> Any:
    """Return a dataclass, those within it included, with the values of its keys."""
    arguments: dict[str, Any] = {}
    for name, hint in get_type_hints(make).items():
        path = f"{section}.{name}".lstrip(".")
        if hint is Part:
            names = [key for key in values if key.startswith(f"{path}.")]
            pairs = {key.removeprefix(f"{path}."): values[key] for key in names}
            arguments[name] = Part(path, pairs.pop("name", ""), tuple(pairs.items()))
        elif dataclasses.is_dataclass(hint):
            arguments[name] = _fill(hint, path, values)
        elif path in values:
            kind, *_ = (*get_args(hint), None)
            is_rules = dataclasses.is_dataclass(kind)
            arguments[name] = _rules(path, kind, values[path]) if is_rules else values[path]
    return make(**arguments)


def _rules(path: str, kind: type, rows: Iterable[Any]) -> tuple[Any, ...]:
    """Return rules, or raise UserError for one that cannot be a rule."""
    for row in rows:
        if not isinstance(row, tuple) or not row or not isinstance(row[0], str):
            raise UserError(f"{path}: {row!r} is not (pattern, ...); write a tuple of such rules")
        numbers = all(isinstance(each, int | float) and 0 <= each < math.inf for each in row[1:])
        if kind is not PartitionRule and not (len(row) in (2, 3) and numbers):
            raise UserError(
                f"{path}: {row!r} is not (pattern, factor of the learning rate) or (pattern, "
                "factor, weight decay), with numbers of at least 0"
            )
    if kind is PartitionRule:
        return tuple(PartitionRule(pattern, tuple(axes)) for pattern, *axes in rows)
    return tuple(kind(*row) for row in rows)


def flatten(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted key → value of nested sections.

    >>> flatten({"seed": 1, "train": {"epochs": 2}})
    {'seed': 1, 'train.epochs': 2}
    """
    flat = {}
    for name, value in sections.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{key}": inner for key, inner in flatten(value).items()}
        else:
            flat[name] = value
    return flat


def _tuples(value: Any) -> Any:
    """Return JSON's lists as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
