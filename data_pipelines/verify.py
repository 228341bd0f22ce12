"""Check a converted dataset: its files, its samples, and what protocols and splits select.

python -m data_pipelines.verify DIR

prints one line for each check and, below a failed one, the files and samples at fault. Samples of
the papers that are missing are reported, but are not a fault. Exit status: 0 if all checks hold, 1
if some do not, 2 if DIR is not a converted dataset.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from data_pipelines import command
from data_pipelines.checks.index_checks import Check, counted, index_checks, selection_checks
from data_pipelines.checks.record_checks import RecordChecks, pack_check
from data_pipelines.errors import DataError
from data_pipelines.specs import catalog
from data_pipelines.storage import index as indexing
from data_pipelines.storage.index import Index
from data_pipelines.storage.packed import stored

# How many faults of a check are printed.
SHOWN = 5


def verify(folder: Path) -> Iterator[Check]:
    """Yield the checks of a converted dataset; DataError if there is none."""
    try:
        index = indexing.read(folder)
    except DataError as error:
        if not (folder / indexing.FILE).exists():
            raise
        yield Check("index", "", [str(error)])
        return
    spec = catalog.spec_of(folder)
    yield from index_checks(index, spec)
    yield from selection_checks(index, spec)
    yield _sizes(folder, index)
    pack = stored(folder, index)
    if pack and not any((folder / shard).exists() for shard in set(index.shard.tolist())):
        yield pack_check(index, spec, pack)
    else:
        yield from RecordChecks(folder, index, spec, pack).run()


def _sizes(folder: Path, index: Index) -> Check:
    """Check that the TFRecord files are as long as the index says."""
    faults = []
    try:
        indexing.check_shards(index, folder)
    except DataError as error:
        faults.append(str(error))
    return Check("files", "of the sizes that index.csv says", faults)


def lines(check: Check, remedy: str) -> Iterator[str]:
    """Yield the lines to print for a check; `remedy` is for a check that names none."""
    if not check.faults:
        yield f"{check.name}: {'partial' if check.partial else 'ok'}, {check.summary}"
        return
    faults = counted(len(check.faults), "fault")
    yield f"{check.name}: FAILED, {faults}; {check.remedy or remedy}"
    yield from (f"  {fault}" for fault in check.faults[:SHOWN])
    if len(check.faults) > SHOWN:
        yield f"  and {len(check.faults) - SHOWN:,} more"


def report(folder: Path) -> int:
    """Print all checks of a dataset and return how many failed."""
    done = failed = 0
    remedy = f"convert again: `{catalog.conversion(folder.resolve())} --overwrite`"
    for check in verify(folder):
        print(*lines(check, remedy), sep="\n", flush=True)
        done, failed = done + 1, failed + bool(check.faults)
    ended = f"{failed} of {done} checks FAILED" if failed else f"all {done} checks hold"
    print(f"{folder}: {ended}")
    return failed


@command.guarded
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.verify", description=__doc__)
    parser.add_argument("directory", type=command.local_path, help="a converted dataset")
    options = parser.parse_args(arguments)
    return int(report(options.directory) > 0)


if __name__ == "__main__":
    sys.exit(main())
