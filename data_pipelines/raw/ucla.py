"""NW-UCLA's raw files: one JSON a sequence, in `all_sqe.zip` or in the folder extracted from it."""

import itertools
import json
import pathlib
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float

from data_pipelines.raw.record import DataError, Record

_NAME = re.compile(r"a(\d\d)_s(\d\d)_e(\d\d)_v(\d\d)")


def records(raw: pathlib.Path, actions: Sequence[int], joints: int) -> Iterator[Record]:
    """Yield the sequences in the order of their names, in camera coordinates (facts C.6).

    Args:
        raw: `all_sqe.zip`, or the folder extracted from it.
        actions: the action numbers of the file names `aAA_sSS_eEE_vVV.json`, in the order of the
            class ids.
        joints: how many joints a body has.

    Raises:
        DataError: there is no sequence, or a file cannot be used; the message names it.
    """
    for name, where, read in _sources(raw):
        action, subject, _, view = map(int, _parsed(name, where).groups())
        if action not in actions:
            listed = ", ".join(f"a{number:02}" for number in actions)
            raise DataError(
                f"{where}: unknown action a{action:02} (there are: {listed}); remove it"
            )
        skeleton = _skeleton(_json(read, where), where, joints)
        yield Record(skeleton, actions.index(action), subject, view, 0, name)


def _sources(raw: pathlib.Path) -> list[tuple[str, str, Callable[[], bytes]]]:
    """Return (sample's name, file's name for messages, function that reads it), sorted by name."""
    if raw.is_dir():
        found = [(path.stem, str(path), path.read_bytes) for path in raw.rglob("*.json")]
    elif raw.is_file():
        found = _members(raw)
    else:
        raise DataError(f"{raw}: no such file or folder; --raw takes all_sqe.zip or its folder")
    found = sorted(
        (source for source in found if not source[0].startswith(".")), key=lambda s: s[:2]
    )
    if not found:
        raise DataError(f"{raw}: holds no .json sequence; --raw takes all_sqe.zip or its folder")
    for (name, first, _), (following, second, _) in itertools.pairwise(found):
        if name == following:
            raise DataError(
                f"{second}: the sequence {name} is already in {first}; remove one of them"
            )
    return found


def _members(archive: pathlib.Path) -> list[tuple[str, str, Callable[[], bytes]]]:
    """Return the sources in a zip archive."""
    try:
        opened = zipfile.ZipFile(archive)
    except zipfile.BadZipFile:
        raise DataError(
            f"{archive}: is cut short or not a zip archive; download it again"
        ) from None
    names = [name for name in opened.namelist() if name.endswith(".json")]
    return [
        (pathlib.PurePosixPath(name).stem, f"{archive}:{name}", lambda name=name: opened.read(name))
        for name in names
    ]


def _parsed(name: str, where: str) -> re.Match:
    """Return the match of a sample's name."""
    match = _NAME.fullmatch(name)
    if not match:
        raise DataError(f"{where}: is not named aAA_sSS_eEE_vVV.json; remove it")
    return match


def _json(read: Callable[[], bytes], where: str) -> object:
    """Return the parsed file."""
    try:
        return json.loads(read())
    except (ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error):
        raise DataError(
            f"{where}: is not valid JSON or is damaged; extract or download it again"
        ) from None


def _skeleton(document: object, where: str, joints: int) -> Float[np.ndarray, "t 1 v 3"]:
    """Return the checked coordinates of a parsed file."""
    if not isinstance(document, dict) or "skeletons" not in document:
        raise DataError(f"{where}: has no 'skeletons'; download it again or remove it")
    try:
        with np.errstate(over="ignore"):
            skeleton = np.asarray(document["skeletons"], np.float32)
    except (ValueError, TypeError, OverflowError):
        raise DataError(
            f"{where}: 'skeletons' is not frames x {joints} x 3 numbers; remove it"
        ) from None
    if skeleton.shape[1:] != (joints, 3) or len(skeleton) == 0:
        shape = " x ".join(map(str, skeleton.shape))
        raise DataError(f"{where}: 'skeletons' is {shape}, not frames x {joints} x 3; remove it")
    if not np.isfinite(skeleton).all():
        frame, joint, _ = np.argwhere(~np.isfinite(skeleton))[0]
        raise DataError(f"{where}: frame {frame}, joint {joint} is not finite; repair or remove it")
    return skeleton[:, None]
