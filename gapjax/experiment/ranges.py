"""Whether a value of a config suits its key: its type, and its range where it is a number.

A field's metadata may have `least`, `most` and `multiple`; without them numbers are finite and not
negative, and whole ones have 32 bits.
"""

import math
from collections.abc import Mapping
from numbers import Integral, Real
from types import UnionType
from typing import Any, Union, get_args, get_origin

from data_pipelines.errors import UserError

_MOST = 2**31 - 1

# Types that a value may have, by the type of its key; a whole number is a number, too.
_KINDS = {bool: bool, int: Integral, float: Real, str: str}
_NAMES = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}


def check(path: str, value: Any, hint: Any, limits: Mapping[str, Any]) -> None:
    """Raise UserError, which names the key, unless a value suits it.

    Args:
        path: the dotted key.
        value: its value.
        hint: the type of its field; types other than numbers, texts and tuples are not checked.
        limits: the metadata of its field.
    """
    if get_origin(hint) in (Union, UnionType):
        if value is None:
            return
        (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
    kinds = get_args(hint)
    if kinds and any(kind in _KINDS for kind in kinds):
        _check_tuple(path, value, kinds, limits)
    elif hint in _KINDS:
        _check_scalar(path, value, hint, limits)


def _check_tuple(path: str, value: Any, kinds: tuple[Any, ...], limits: Mapping[str, Any]) -> None:
    """Check a tuple of one type, or of as many values as it has types."""
    fixed = 0 if Ellipsis in kinds or len(kinds) == 1 else len(kinds)
    if not isinstance(value, tuple | list) or (fixed and len(value) != fixed):
        count = f"{fixed} values" if fixed else "values"
        raise UserError(f"{path}={value!r} should be {count} in parentheses, such as (1, 1)")
    for each in value:
        _check_scalar(path, each, kinds[0], limits)


def _check_scalar(path: str, value: Any, kind: type, limits: Mapping[str, Any]) -> None:
    """Check a value that is no tuple."""
    right = isinstance(value, _KINDS[kind]) and (kind is bool) == isinstance(value, bool)
    if not right:
        raise UserError(f"{path}={value!r} should be {_NAMES[kind]}")
    if kind not in (int, float):
        return
    least = limits.get("least", 0)
    most = limits.get("most", _MOST if kind is int else math.inf)
    if not (math.isfinite(value) and least <= value <= most):
        upper = "" if most in (_MOST, math.inf) else f" and at most {most}"
        raise UserError(f"{path}={value!r} should be at least {least}{upper}")
    multiple = limits.get("multiple", 1)
    if multiple > 1 and value % multiple:
        raise UserError(f"{path}={value!r} should be a multiple of {multiple}")
