"""`sources.sha256`: the tables and descriptions a dataset was made of, as sha256sum lists them."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from data_pipelines.errors import DataError

FILE = "sources.sha256"


def digests(raw: Path) -> Mapping[str, str]:
    """Return the digests of the tables and descriptions among raw files, by their names."""
    files = sorted(raw.glob("*.*")) if raw.is_dir() else [raw]
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.suffix in (".yaml", ".csv") and os.access(file, os.R_OK) and file.is_file()
    }


def write(folder: Path, sources: Mapping[str, str]) -> None:
    """Write the digests into a converted dataset; nothing if there are none."""
    if sources:
        lines = [f"{digest}  {name}\n" for name, digest in sources.items()]
        (folder / FILE).write_text("".join(lines))


def refuse_others(target: Path, raw: Path | None) -> None:
    """Refuse a converted dataset that was made of other tables or descriptions than `raw` has."""
    if raw is None or not raw.exists() or not (target / FILE).exists():
        return
    lines = (target / FILE).read_text().splitlines()
    made_of = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = digests(raw)
    for name in sorted(made_of.keys() | found.keys()):
        if made_of.get(name) != found.get(name):
            raise DataError(
                f"{target} was not made of the {name} that {raw} has now: convert with "
                "--overwrite, or with --name=NAME beside it"
            )
