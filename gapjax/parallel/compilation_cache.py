"""JAX's compilation cache in the user's cache folder, so that a command compiles only once.

JAX bounds its cache by reading every entry at every write, which takes long with many of them. This
cache is bounded once, as a process starts: what was written last is kept.
"""

import argparse
import hashlib
import os
import platform
import sys
import warnings
from pathlib import Path

import jax

# Turns it off (`off`), or names its folder.
VARIABLE = "GAPJAX_COMPILATION_CACHE"
# Bytes that are kept as a process starts.
LARGEST = 2 * 2**30
# Programs that compile faster are not worth a file.
MIN_SECONDS = 0.5


def add_flag(parser: argparse.ArgumentParser) -> None:
    """Give a command the flag of `gapjax.main` that turns the cache off; False turns it off."""
    name, text = "compilation_cache", "compile anew, and keep no compiled programs"
    parser.add_argument(f"--no{name}", dest=name, action="store_false", help=text)


def use(enabled: bool = True) -> None:
    """Use the cache from now on, unless the user has turned it off or JAX has one already.

    Args:
        enabled: False turns JAX's own cache off, too.
    """
    if not enabled:
        jax.config.update("jax_enable_compilation_cache", False)
        return
    chosen = os.environ.get(VARIABLE, "")
    if chosen == "off" or jax.config.jax_compilation_cache_dir:
        return
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    # Programs for a CPU may have instructions that another one lacks, and JAX does not tell.
    machine = hashlib.sha256(_cpu().encode()).hexdigest()[:8]
    folder = Path(chosen or Path(base, "gapjax", "compiled")).absolute() / machine
    try:
        folder.mkdir(parents=True, exist_ok=True)
        prune(folder.parent, LARGEST)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", MIN_SECONDS)
        # A cache that cannot be read or written costs time only.
        for verb in ("reading", "writing"):
            warnings.filterwarnings("ignore", f"Error {verb} persistent compilation cache")


def prune(folder: Path, largest: int) -> None:
    """Remove the oldest files until the others have at most so many bytes."""
    files = [(path.stat(), path) for path in folder.rglob("*") if path.is_file()]
    total = sum(status.st_size for status, _ in files)
    for status, path in sorted(files, key=lambda file: file[0].st_mtime):
        if total <= largest:
            return
        # Another process may have removed it.
        path.unlink(missing_ok=True)
        total -= status.st_size


def _cpu() -> str:
    """Return what this machine's CPU can do, as far as Linux tells; else its kind."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    flags = (line for line in lines if line.startswith(("flags", "Features")))
    return f"{platform.machine()} {next(flags, '')}"
