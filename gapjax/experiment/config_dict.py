"""ConfigDicts with every key at its default, and config files, which change them."""

import ast
import contextlib
import copy
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, get_args

from absl import flags
from ml_collections import ConfigDict, config_dict, config_flags

from data_pipelines.errors import UserError
from gapjax import backbones, registry
from gapjax.experiment import schema
from gapjax.experiment.plan import Plan
from gapjax.experiment.schema import Key
from gapjax.workdir.config_file import read_config

# The clone that gapjax is used from; what is installed from a wheel has no configs beside it.
_CLONE = Path(__file__).parents[2]


def new_config(**parts: str) -> ConfigDict:
    """Return a config with every key at its default; `parts` as in `schema.all_keys`."""
    config: dict[str, Any] = {}
    for key in schema.all_keys(**parts):
        section = config
        for name in filter(None, key.section.split(".")):
            section = section.setdefault(name, {})
        section[key.name] = _value(key)
    return ConfigDict(config).lock()


def choose(config: ConfigDict, section: str, name: str) -> None:
    """Replace a config's backbone or method, and its keys, by another module and its keys.

    A key that both have keeps its value unless that is the old one's default. The optimizer's rules
    of a backbone are replaced, too.

    Raises:
        UserError: there is no such module.
    """
    old, keys = config[section].to_dict(), schema.part_keys(section, name)
    old_defaults = {key.name: key.default for key in schema.part_keys(section, old["name"])}
    if section == "backbone":
        _replace_rules(config, old["name"], name)
    with config.unlocked():
        config[section] = ConfigDict({key.name: _value(key) for key in keys})
    both = {key.name for key in keys} & set(old) - {"name"}
    config[section].update({key: old[key] for key in both if old[key] != old_defaults.get(key)})


def _replace_rules(config: ConfigDict, old: str, new: str) -> None:
    """Replace a backbone's rules by another's, wherever a config has them."""
    rules = backbones.get(old).rules
    for optimizer in (config.optimizer, config.encoder.optimizer):
        if rules and optimizer.rules == rules:
            optimizer.rules = backbones.get(new).rules


def load(argument: str) -> ConfigDict:
    """Return the config of `FILE` or `FILE:variant,variant`, from the file's `get_config`.

    Raises:
        UserError: there is no such file, or it raises an error.
    """
    path, *variants = argument.split(":", 1)
    if not Path(path).is_file():
        listed = "python -m gapjax.main --list has all configs"
        raise UserError(f"--config={argument}: there is no file {path} ({listed})")
    with mistakes_of(path):
        module = import_file(Path(path).resolve())
    if not hasattr(module, "get_config"):
        raise UserError(f"{path} has no function get_config(variants): is it a config?")
    return config_of(module, *variants)


def config_of(module: ModuleType, *variants: str) -> ConfigDict:
    """Return the config of a config file that is imported, with variants joined by commas.

    Raises:
        UserError: it raises an error.
    """
    with mistakes_of(str(module.__file__)):
        config = module.get_config(*filter(None, variants))
        _renew_parts(config)
        return config


@contextlib.contextmanager
def mistakes_of(path: str) -> Iterator[None]:
    """Report an error of the block, which runs a user's file, in one line that names the file."""
    try:
        yield
    except UserError:
        raise
    except AttributeError as error:
        # Of a ConfigDict, which names the keys that it has.
        more = "keys of another part come with its name: config.backbone = {'name': NAME, KEY: ...}"
        advice = f"; {more}" if "locked" in str(error) else ""
        raise UserError(f"{path}: AttributeError: {error}{advice}") from error
    except Exception as error:
        raise UserError(f"{path}: {type(error).__name__}: {error}") from error


def variants(path: Path) -> Mapping[str, Callable[[ConfigDict], None]]:
    """Return the variants of a config file: its `VARIANTS`, or none."""
    return getattr(import_file(path.resolve()), "VARIANTS", {})


def recorded(workdir: Path) -> ConfigDict:
    """Return the config of the run in a working directory.

    Raises:
        UserError: there is none, or it is of another version.
    """
    flat = schema.read_flat(read_config(workdir)).flat()
    config = new_config(**{part: flat[f"{part}.name"] for part in schema.PARTS})
    config.update_from_flattened_dict(flat)
    return config


def import_file(path: Path) -> ModuleType:
    """Import a config or a study, wherever it lies.

    It may import others of its package, and `configs` of the clone that gapjax is used from.
    """
    package = path.parent
    while (package / "__init__.py").exists():
        package = package.parent
    if str(package) not in sys.path:
        sys.path.insert(0, str(package))
    if (_CLONE / "configs").is_dir() and str(_CLONE) not in sys.path:
        sys.path.append(str(_CLONE))
    name = ".".join(path.relative_to(package).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is no config: the name of one ends in .py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plan_of(config: ConfigDict) -> Plan:
    """Return the plan that a config describes.

    Where a config names another part (`config.method.name = "supervised"`) and still has the keys
    of the one before, `choose` replaces them; the config itself stays as it is.
    """
    config = copy.deepcopy(config)
    _renew_parts(config)
    return schema.read_flat(schema.flatten(config.to_dict()))


def _renew_parts(config: ConfigDict) -> None:
    """Replace the keys of parts that a config no longer names."""
    for section in schema.PARTS:
        name, keys = config[section].name, set(config[section])
        if keys != _key_names(section, name):
            others = registry.choices(f"gapjax.{section}s")
            before = next((each for each in others if keys == _key_names(section, each)), name)
            config[section].name = before
            if before != name:
                choose(config, section, name)


def override(config: ConfigDict, values: Mapping[str, Any]) -> None:
    """Set dotted keys of a config; those that name a part come first (`choose`).

    Args:
        config: the config.
        values: dotted key → its value, or the value as text.

    Raises:
        UserError: a key is unknown, or its value is of another type.
    """
    for part in schema.PARTS:
        if f"{part}.name" in values:
            choose(config, part, values[f"{part}.name"])
    flat = schema.flatten(config.to_dict())
    schema.check_keys(values, flat)
    hints = {key.path: key.hint for key in schema.keys_of(flat)}
    read = {path: _read(path, value, hints[path]) for path, value in values.items()}
    try:
        config.update_from_flattened_dict(read)
    except TypeError as error:
        raise UserError(f"{', '.join(values)}: {error}") from error


def _read(path: str, value: Any, hint: Any) -> Any:
    """Return the value that a text stands for where its key is no text."""
    if hint is str or not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError) as error:
        name = getattr(hint, "__name__", str(hint))
        raise UserError(f"{path}={value!r} is no {name} as Python writes it") from error


def define_flag(config: ConfigDict, argv: Sequence[str], values: flags.FlagValues) -> None:
    """Define `--config`, whose value is a config, and `--config.KEY` for each key in `argv`."""
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)


def _key_names(section: str, name: str) -> set[str]:
    return {key.name for key in schema.part_keys(section, name)}


def _value(key: Key) -> Any:
    """Return a key's default; where that is None, a placeholder that knows the key's type."""
    if key.default is not None:
        return key.default
    (kind,) = set(get_args(key.hint)) - {NoneType}
    return config_dict.placeholder(kind)
