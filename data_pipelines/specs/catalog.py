"""Which datasets there are: those with a module, and those that carry their facts with them."""

import contextlib
import importlib
import os
import pkgutil
import re
from types import ModuleType

from etils import epath

from data_pipelines import datasets, formats
from data_pipelines.errors import DataError
from data_pipelines.specs import spec_file
from data_pipelines.specs.dataset import DatasetSpec


def modules() -> list[str]:
    """Return the datasets that have a module."""
    return _names(datasets)


def forms() -> list[str]:
    """Return the modules of `data_pipelines.formats`."""
    return _names(formats)


def _names(package: ModuleType) -> list[str]:
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in names if not name.startswith("_"))


def module(name: str) -> ModuleType:
    """Return the module of a dataset or of a format.

    Raises:
        DataError: there is none; the message lists those there are.
    """
    for package, names in ((datasets, modules()), (formats, forms())):
        if name in names:
            return importlib.import_module(f"{package.__name__}.{name}")
    there = f"{', '.join(modules())}; of files that you have: {', '.join(forms())}"
    raise DataError(f"no dataset {name!r} (there are: {there})")


def carries_facts(folder: str | os.PathLike) -> bool:
    """Return whether a folder is a converted dataset that has no module."""
    return (epath.Path(folder) / spec_file.FILE).exists()


def names(folder: str | os.PathLike) -> list[str]:
    """Return the datasets that have a module, and those of a folder that carry their facts."""
    place = epath.Path(folder)
    others = place.glob(f"*/{spec_file.FILE}") if place.exists() else ()
    return [*modules(), *sorted(path.parent.name for path in others)]


def spec_of(folder: str | os.PathLike) -> DatasetSpec:
    """Return the facts of the dataset in a folder, which is named after it.

    They are what the folder carries, or those of the module of its name; that dataset need not be
    converted.

    Raises:
        DataError: there is no such dataset, or the facts are altered.
    """
    place = epath.Path(folder).resolve()
    if carries_facts(place):
        return spec_file.read(place)
    if place.name in modules():
        return module(place.name).SPEC
    raise DataError(f"no dataset {place.name!r} (there are: {', '.join(names(place.parent))})")


def conversion(folder: str | os.PathLike) -> str:
    """Return the command that converts the dataset of a folder."""
    place = epath.Path(folder)
    what, raw = place.name, " --raw=PATH"
    with contextlib.suppress(DataError):
        spec = spec_of(place)
        what = f"{spec.format} --name={spec.name}" if spec.format else what
        raw = "" if spec.builtin else raw
    return f"python -m data_pipelines.convert {what}{raw} --out={place.parent}"


def title(raw: os.PathLike, given: str) -> str:
    """Return what a dataset without a module is called: as given, or after its files.

    Raises:
        DataError: that is no name, or a module's.
    """
    path = epath.Path(raw).absolute()
    # What follows a dot is an ending in a file's name alone: folders may be mine.v1 and mine.v2.
    whole = path.name if path.is_dir() else path.stem
    name = given or re.sub(r"\W+", "_", whole, flags=re.ASCII).lower()
    if not re.fullmatch(r"[a-z]\w*", name, flags=re.ASCII):
        raise DataError(f"{name!r} is no name: give --name of letters, digits and _, as in mine_2")
    if name in (*modules(), *forms()):
        raise DataError(f"{name!r} is the name of a module; give another by --name")
    return name
