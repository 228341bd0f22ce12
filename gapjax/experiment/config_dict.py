"""The ConfigDict that a config file starts from and changes, and the file that does so."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, get_args

from ml_collections import ConfigDict, config_dict

from data_pipelines.errors import UserError
from gapjax.experiment import schema
from gapjax.experiment.plan import Plan
from gapjax.experiment.schema import Key, read


def new_config(**parts: str) -> ConfigDict:
    """Return a config in which every key has its default.

    Args:
        **parts: `backbone` and `method`, the modules that it names.

    Raises:
        UserError: there is no such part.
    """
    config = ConfigDict()
    for key in schema.all_keys(**parts):
        section = config
        for name in filter(None, key.section.split(".")):
            if name not in section:
                section[name] = ConfigDict()
            section = section[name]
        section[key.name] = _value(key)
    return config.lock()


def choose(config: ConfigDict, section: str, name: str) -> None:
    """Name another backbone or method, whose keys replace those of the present one.

    A key that both have keeps its value if that is not the present one's default.

    Args:
        config: the config to change.
        section: `backbone` or `method`.
        name: the module.

    Raises:
        UserError: there is no such part.
    """
    before, keys = config[section].to_dict(), schema.part_keys(section, name)
    old = {key.name: key.default for key in schema.part_keys(section, before["name"])}
    with config.unlocked():
        config[section] = ConfigDict({key.name: _value(key) for key in keys})
    names = {key.name for key in keys} - {"name"}
    config[section].update(
        {key: before[key] for key in names & set(before) if before[key] != old.get(key)}
    )


def load(argument: str) -> ConfigDict:
    """Return the config of `FILE` or `FILE:variant,variant`.

    Args:
        argument: the file has `get_config`, which takes what follows the colon.

    Raises:
        UserError: there is no such file, or it raises an error.
    """
    path, *variants = argument.split(":", 1)
    if not Path(path).is_file():
        raise UserError(f"--config={argument}: there is no file {path}")
    try:
        return _import(Path(path).resolve()).get_config(*variants)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path}: {type(error).__name__}: {error}") from error


def _import(path: Path) -> ModuleType:
    """Import a config file, which may import others of its package, wherever that lies."""
    package = path.parent
    while (package / "__init__.py").exists():
        package = package.parent
    if str(package) not in sys.path:
        sys.path.insert(0, str(package))
    name = ".".join(path.relative_to(package).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plan_of(config: ConfigDict) -> Plan:
    """Return the plan that a config describes (`gapjax.experiment.schema.read`)."""
    return read(config.to_dict())


def _value(key: Key) -> Any:
    """Return a key's default; where that is None, a placeholder that knows the key's type."""
    if key.default is not None:
        return key.default
    (kind,) = set(get_args(key.hint)) - {NoneType}
    return config_dict.placeholder(kind)
