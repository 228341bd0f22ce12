"""Recognizes files whose content is of another kind than their names say, such as web pages."""

import os
from pathlib import Path

from data_pipelines.errors import FileError

# How many bytes of a file are looked at: a tar archive has its mark at byte 257.
HEAD = 512

_POINTER = b"version https://git-lfs.github.com/spec/"
_PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<script")
_ARCHIVES = {
    b"\x1f\x8b": "gzip archive (.gz, .tgz)",
    b"7z\xbc\xaf\x27\x1c": "7z archive",
    b"Rar!\x1a\x07": "rar archive",
    b"BZh": "bzip2 archive",
    b"\xfd7zXZ\x00": "xz archive",
}
_TAR, _TAR_AT = b"ustar", 257


def described(head: bytes) -> str | None:
    """Return what a file that starts like this is, and what to do; None if it may be right.

    >>> described(b"<!DOCTYPE html><html>")
    'is a web page; download the file itself again'
    """
    if head.startswith(_POINTER):
        return "is a Git LFS pointer; download it again, by git lfs pull or from its page"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGES):
        return "is a web page; download the file itself again"
    kind = next((kind for mark, kind in _ARCHIVES.items() if head.startswith(mark)), None)
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        kind = "tar archive"
    return f"is a {kind}; extract it first" if kind else None


def refuse(path: str | os.PathLike, empty: bool = True) -> None:
    """Raise FileError if a file is empty, a web page, a Git LFS pointer, or packed.

    A file that does not exist or cannot be read is left to its reader.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(HEAD)
    except (OSError, ValueError):
        return
    reason = described(head) or (
        "" if head or not empty else "is empty; write or download it again"
    )
    if reason:
        raise FileError(str(path), reason)


def cause(error: Exception) -> str:
    """Return the first line of a reader's error, without advice to load what is not safe.

    >>> cause(ValueError("Object arrays cannot be loaded when allow_pickle=False"))
    'it holds objects of Python, which are never loaded'
    """
    text = str(error) or type(error).__name__
    if any(word in text for word in ("pickle", "weights_only", "unsafe")):
        return "it holds objects of Python, which are never loaded"
    return text.splitlines()[0]
