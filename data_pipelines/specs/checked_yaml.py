"""Reading YAML files of metadata; errors name the line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import yaml
from etils import epath

from data_pipelines.errors import DataError
from data_pipelines.specs import wrong_file


@dataclass(frozen=True)
class Metadata:
    """The metadata of one file.

    Attributes:
        file: its name in messages.
        values: key → value.
        lines: key → line number, from 1.
    """

    file: str
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def error(self, key: str, fault: str) -> DataError:
        """Return the error for a fault of a key's value."""
        line = f"line {self.lines[key]}: " if key in self.lines else ""
        return DataError(f"{self.file}: {line}{key} {fault}")

    def check_keys(self, required: Sequence[str], optional: Sequence[str]) -> None:
        """Raise DataError if a key is missing or unknown."""
        for key in self.values:
            if key not in (*required, *optional):
                raise self.error(
                    key, f"is not a key; there are {', '.join((*required, *optional))}"
                )
        for key in required:
            if key not in self.values:
                raise self.error(key, "is missing; add it")

    def text(self, key: str, default: str) -> str:
        """Return a value that is one line of text."""
        return self._text(key, self.values.get(key, default))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a value that is a list of distinct lines of text."""
        values = self.values[key]
        if not isinstance(values, list) or not values:
            raise self.error(key, "should be a list of names")
        names = tuple(self._text(key, value) for value in values)
        for index, name in enumerate(names):
            if name in names[:index]:
                raise self.error(key, f"has {name!r} twice; rename or remove one")
        return names

    def _text(self, key: str, value: Any) -> str:
        """Return a line of text; YAML does not read an unquoted yes, no or number as text."""
        if not isinstance(value, str) or len(value.splitlines()) > 1:
            raise self.error(key, f"has {value!r}, which is not one line of text; put it in quotes")
        return value.strip()

    def count(self, key: str, default: int) -> int:
        """Return a value that is a number from 1."""
        value = self.values.get(key, default)
        if type(value) is not int or value < 1:
            raise self.error(key, f"is {value!r}, not a number from 1")
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        """Return a value that maps names, which may look like numbers, to values."""
        value = self.values.get(key) or {}
        if not isinstance(value, dict):
            raise self.error(key, "should map names to values")
        return {str(name): item for name, item in value.items()}


def load(path: epath.Path) -> Metadata:
    """Return the metadata of a file; DataError if it is not YAML that maps keys to values."""
    wrong_file.refuse(path, empty=False)
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        reason = f"is not readable YAML ({error.problem}); correct it"
        raise DataError(f"{path}: {line}{reason}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not readable YAML ({error}); correct it") from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise DataError(f"{path}: should map names (joints, bones, labels, ...) to values")
    return Metadata(str(path), values, _key_lines(path, cast("yaml.MappingNode", node)))


def _key_lines(path: epath.Path, mapping: yaml.MappingNode) -> dict[str, int]:
    """Return key → line number, from 1; DataError if a key is repeated."""
    lines: dict[str, int] = {}
    for key, _ in mapping.value:
        line = key.start_mark.line + 1
        if key.value in lines:
            reason = f"{key.value} is already in line {lines[key.value]}; remove one"
            raise DataError(f"{path}: line {line}: {reason}")
        lines[key.value] = line
    return lines
