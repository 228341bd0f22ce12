"""Bundles by their name on the Hugging Face hub: hf:OWNER/NAME, or hf:OWNER/NAME@REVISION.

huggingface_hub keeps what it downloads (`HF_HOME`), and has the token of private ones (`HF_TOKEN`,
or `hf auth login`). What it keeps is found without a network, too.
"""

import contextlib
import functools
import glob
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data_pipelines.errors import HostError, UserError
from data_pipelines.storage.disk import writing
from gapjax.workdir import bundle_files

PREFIX = "hf:"
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_NAME = re.compile(rf"{PREFIX}(?P<name>{REPOSITORY.pattern})(@(?P<revision>[\w./-]+))?", re.ASCII)
SIGNED_IN = "set HF_TOKEN to a token that may, or run `hf auth login`"


def located(bundle: Path) -> Path:
    """Return the folder of a bundle: the path itself, or of a name on the hub, its copy here.

    Raises:
        UserError: the hub has no such bundle for this user, or what it has is no whole bundle.
        HostError: the hub does not answer, and there is no copy.
        DiskError: there is no room for a copy.
    """
    if not is_on_hub(bundle):
        return bundle
    match = _NAME.fullmatch(str(bundle))
    if match is None:
        raise UserError(f"{bundle}: a name on the hub is hf:OWNER/NAME or hf:OWNER/NAME@REVISION")
    return _copy(match["name"], match["revision"])


def is_on_hub(bundle: Path) -> bool:
    """Return whether a bundle is named as on the hub."""
    return str(bundle).startswith(PREFIX)


@functools.cache
def _copy(name: str, revision: str | None) -> Path:
    """Return the folder of huggingface_hub's cache, after downloading what of a bundle it lacks."""
    # huggingface_hub warns where nothing matches; every repository has .gitattributes.
    folder = _download(name, revision, [bundle_files.METADATA, ".gitattributes"])
    files = _checked(name, folder, bundle_files.read_metadata)["files"]
    # Of that revision, also where the name has another one by now.
    _download(name, folder.name, [bundle_files.METADATA, *map(glob.escape, files)])
    _checked(name, folder, bundle_files.read_checked)
    return folder


def _checked(
    name: str, folder: Path, check: Callable[[Path], Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Return what a check of a copy returns, or say how to download it again."""
    try:
        return check(folder)
    except UserError as error:
        again = f"if the hub has it whole, remove {folder.parents[1]} to download it again"
        raise UserError(f"{PREFIX}{name}: {error}; {again}") from error


def _download(name: str, revision: str | None, patterns: list[str]) -> Path:
    """Return huggingface_hub's folder of a revision, which has the files of these patterns."""
    import huggingface_hub
    from huggingface_hub import constants

    remedy, advice = "set HF_HOME to another folder", "what is there is kept: run the command again"
    with writing(Path(constants.HF_HUB_CACHE), remedy, advice), answered(PREFIX + name):
        return Path(
            huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=patterns)
        )


@contextlib.contextmanager
def answered(what: str, otherwise: str = "") -> Iterator[None]:
    """Report in one line that the hub refuses what the block asks for, or does not answer.

    Errors of the disk, and those that are not of the hub, are raised as they are.

    Args:
        what: the name of what is asked for.
        otherwise: what has not happened because of that.

    Raises:
        UserError: the hub refuses it.
        HostError: the hub does not answer, or not to the end.
    """
    try:
        yield
    except Exception as error:  # a network fails in many ways, and is named as the cause of some
        cause = _cause(error)
        if not isinstance(cause, _of_the_hub()):
            raise
        is_network = isinstance(cause, ConnectionError | TimeoutError)
        if isinstance(cause, OSError) and cause.errno and not is_network:
            raise cause from None
        refused = _refusal(cause)
        kind, reason = (UserError, refused) if refused else (HostError, _silence(cause))
        raise kind("; ".join(filter(None, (f"{what}: {reason}", otherwise)))) from error


def _cause(error: BaseException) -> BaseException:
    """Return what went wrong, of an error that only says where it did."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    wraps = isinstance(error, LocalEntryNotFoundError | RuntimeError)
    return _cause(error.__cause__) if wraps and error.__cause__ else error


def _of_the_hub() -> tuple[type, ...]:
    """Return the errors of asking the hub, those of its HTTP client included."""
    from huggingface_hub import errors

    # Which client that is depends on its version; not JSON is what a proxy answers.
    clients = errors.HfHubHTTPError.__bases__
    return OSError, errors.HFValidationError, json.JSONDecodeError, *clients


def _refusal(error: BaseException) -> str:
    """Return why the hub refuses a request; empty if it does not."""
    from huggingface_hub import errors

    if isinstance(error, errors.HFValidationError):
        return f"this is no name on the hub: {error}"
    if isinstance(error, errors.RevisionNotFoundError):
        return "the hub has no such revision"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the hub has no repository of this name that you may see; {SIGNED_IN}"
    if not isinstance(error, errors.HfHubHTTPError):
        return ""
    status, said = error.response.status_code, error.server_message or error.response.reason_phrase
    if status in (401, 403):
        return f"the hub does not permit it (HTTP {status}: {said}); {SIGNED_IN}"
    is_transient = status in (408, 429) or status >= 500
    return "" if is_transient else f"the hub refuses (HTTP {status}: {said})"


def _silence(error: BaseException) -> str:
    """Return in which way the hub does not answer."""
    from huggingface_hub import constants, errors

    missing = isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled)
    if missing and constants.is_offline_mode():
        return "there is no whole copy of it here, and HF_HUB_OFFLINE forbids to ask the hub"
    return f"the hub does not answer, or not to the end ({type(error).__name__}: {error})"
