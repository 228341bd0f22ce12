"""The known datasets: those with a module, and converted ones that carry their metadata.

Modules are looked up by name: a new file in `data_pipelines/datasets` or `data_pipelines/formats`
is a new dataset or format.
"""

import contextlib
import importlib
import os
import pkgutil
import re
from types import ModuleType

from etils import epath

from data_pipelines.errors import DataError
from data_pipelines.specs import spec_file
from data_pipelines.specs.dataset import DatasetSpec

_DATASETS, _FORMATS = "data_pipelines.datasets", "data_pipelines.formats"


def modules() -> list[str]:
    """Return the names of the modules of `data_pipelines.datasets`."""
    return _module_names(_DATASETS)


def formats() -> list[str]:
    """Return the names of the modules of `data_pipelines.formats`."""
    return _module_names(_FORMATS)


def _module_names(package: str) -> list[str]:
    path = importlib.import_module(package).__path__
    module_names = (module.name for module in pkgutil.iter_modules(path))
    return sorted(name for name in module_names if not name.startswith("_"))


def module(name: str) -> ModuleType:
    """Return the module of a dataset or of a format; DataError if there is none."""
    for package in (_DATASETS, _FORMATS):
        if name in _module_names(package):
            return importlib.import_module(f"{package}.{name}")
    known = f"{', '.join(modules())}; of files that you have: {', '.join(formats())}"
    raise DataError(f"no dataset {name!r} (there are: {known})")


def names(folder: str | os.PathLike) -> list[str]:
    """Return the datasets that have a module, and those in a folder that carry their metadata."""
    folder = epath.Path(folder)
    files = folder.glob(f"*/{spec_file.FILE}") if folder.exists() else ()
    return [*modules(), *sorted(file.parent.name for file in files)]


def spec_of(folder: str | os.PathLike) -> DatasetSpec:
    """Return the spec in a folder, or of the module of its name; DataError if there is none."""
    folder = epath.Path(folder).resolve()
    if (folder / spec_file.FILE).exists():
        return spec_file.read(folder)
    if folder.name in modules():
        return module(folder.name).SPEC
    raise DataError(f"no dataset {folder.name!r} (there are: {', '.join(names(folder.parent))})")


def conversion(folder: str | os.PathLike) -> str:
    """Return the command that converts the dataset of a folder."""
    folder = epath.Path(folder)
    dataset, raw = folder.name, " --raw=PATH"
    with contextlib.suppress(DataError):
        spec = spec_of(folder)
        dataset = f"{spec.format} --name={spec.name}" if spec.format else dataset
        raw = "" if spec.builtin else raw
    return f"python -m data_pipelines.convert {dataset}{raw} --out={folder.parent}"


def dataset_name(raw: os.PathLike, name: str) -> str:
    """Return `name`, or if empty the name of the files; DataError if it is not a valid name."""
    path = epath.Path(raw).absolute()
    # Only files have extensions: folders may be called mine.v1 and mine.v2.
    stem = path.name if path.is_dir() else path.stem
    name = name or re.sub(r"\W+", "_", stem, flags=re.ASCII).lower()
    if not re.fullmatch(r"[a-z]\w*", name, flags=re.ASCII):
        raise DataError(
            f"{name!r} is not a name: give --name of letters, digits and _, as in mine_2"
        )
    if name in (*modules(), *formats()):
        raise DataError(f"{name!r} is the name of a module; give another by --name")
    return name
