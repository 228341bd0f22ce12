"""The log of a run on Weights & Biases, for who has the package `wandb`.

Project, account and mode are W&B's own environment variables: WANDB_PROJECT (default: gapjax),
WANDB_ENTITY, WANDB_MODE=offline, ...
"""

import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipelines.errors import UserError
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing

# The run's id on W&B, by which a run that resumes continues there as well.
ID_FILE = "wandb_id.txt"


@dataclass(frozen=True)
class WandbSink:
    """A sink (`gapjax.workdir.log.Sink`) that is a run on W&B."""

    run: Any

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values of a step. W&B ignores steps before the last one that it has."""
        self.run.log(dict(values), step=step)


def require() -> Any:
    """Return the package `wandb`.

    Raises:
        UserError: it is not installed.
    """
    try:
        import wandb
    except ImportError as error:
        raise UserError("--log=wandb needs W&B: pip install gapjax[wandb]") from error
    return wandb


@contextlib.contextmanager
def opened(workdir: Path, config: Mapping[str, Any]) -> Iterator[WandbSink]:
    """Open the run of a working directory on W&B, a new one or the one that it has there.

    Args:
        workdir: the working directory, which gets W&B's folder `wandb`, too.
        config: the run's config, flat.

    Raises:
        UserError: the package is missing, or nobody is logged in.
    """
    wandb = require()
    try:
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "gapjax",
            name=workdir.resolve().name,
            id=_id(workdir),
            resume="allow",
            dir=str(workdir),
            config=dict(config),
            # It would write its own report of the run.
            settings=wandb.Settings(silent=True),
        )
    except wandb.Error as error:
        advice = "run `wandb login`, or set WANDB_MODE=offline"
        raise UserError(f"W&B cannot be opened ({error}): {advice}") from error
    # Offline it has no address, of which W&B warns.
    print(f"W&B: {run.dir if run.offline else run.url or 'disabled'}", flush=True)
    status = 1
    try:
        yield WandbSink(run)
        status = 0
    finally:
        run.finish(exit_code=status)


def _id(workdir: Path) -> str:
    """Return the id that is kept in a working directory; a new one if there is none."""
    path = workdir / ID_FILE
    if not path.exists():
        with writing(path), replacing_file(path, single_writer=True) as file:
            file.write(uuid.uuid4().hex.encode())
    return path.read_text().strip()
