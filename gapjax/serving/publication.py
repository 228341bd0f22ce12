"""Put a bundle on the Hugging Face hub, in one commit: all of it is there, or nothing new."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipelines.errors import UserError
from gapjax.workdir import bundle_files
from gapjax.workdir.bundle_hub import REPOSITORY, SIGNED_IN, answered

_NOTHING = "nothing was pushed"
# The answer to a commit may be lost.
_ALL_OR_NOTHING = "the hub has all of the bundle or nothing new: once it can, push again"
# What the hub itself puts into a new repository.
_OF_THE_HUB = {".gitattributes", "README.md"}


@dataclass(frozen=True)
class Destination:
    """A repository of the hub that may be written.

    Attributes:
        name: OWNER/NAME.
        public: whether everybody may read it.
    """

    name: str
    public: bool


def require(name: str, public: bool) -> Destination:
    """Return a repository that is new, or of a bundle and as public as it should be.

    Args:
        name: OWNER/NAME.
        public: whether everybody may read it.

    Raises:
        UserError: nobody is signed in, or it must not be overwritten.
        HostError: the hub does not answer.
    """
    import huggingface_hub

    if REPOSITORY.fullmatch(name) is None:
        raise UserError(f"--push={name}: a name on the hub is OWNER/NAME")
    if not huggingface_hub.get_token():
        raise UserError(f"--push={name}: nobody is signed in to the hub; {SIGNED_IN}")
    with answered(f"--push={name}", _NOTHING):
        there = _repository(name)
    files = {file.rfilename for file in there.siblings or ()} if there else set()
    if bundle_files.METADATA not in files and files - _OF_THE_HUB:
        raise UserError(f"--push={name} exists and is no bundle; choose another name")
    if there and not there.private and not public:
        raise UserError(f"--push={name} is public on the hub: add --public if that is right")
    if there and there.private and public:
        remedy = "make it public there, or leave --public out"
        raise UserError(f"--push={name} is private on the hub, which --public leaves so: {remedy}")
    return Destination(name, public)


def _repository(name: str) -> Any:
    """Return what the hub knows of a repository; None if there is none."""
    from huggingface_hub import HfApi, errors

    try:
        return HfApi().repo_info(name)
    except errors.RepositoryNotFoundError:
        return None


def push(folder: Path, to: Destination) -> str:
    """Put a bundle into a repository, in place of what is there; return the revision.

    Raises:
        UserError: the bundle is damaged, or the hub refuses it.
        HostError: the hub does not answer.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    files = {*bundle_files.read_checked(folder)["files"], bundle_files.METADATA}
    api, message = HfApi(), f"Bundle of {bundle_files.read_metadata(folder)['run']['method']}"
    with answered(f"--push={to.name}", _ALL_OR_NOTHING):
        api.create_repo(to.name, private=not to.public, exist_ok=True)
        stale = {*api.list_repo_files(to.name)} - files - _OF_THE_HUB
        added = [CommitOperationAdd(file, folder / file) for file in sorted(files)]
        deleted = [CommitOperationDelete(file) for file in sorted(stale)]
        operations: list[Any] = [*added, *deleted]
        return api.create_commit(to.name, operations, commit_message=message).oid
