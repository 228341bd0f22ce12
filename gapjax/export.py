"""Write a bundle of a finished run: python -m gapjax.export --workdir=runs/x --out=bundle."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax import export

from data_pipelines import command
from data_pipelines.errors import UserError
from data_pipelines.storage.atomic import locked, replacing_folder
from data_pipelines.storage.disk import writing
from gapjax.serving import bundle, model_card, tflite, trained
from gapjax.serving.trained import Trained
from gapjax.workdir.history import gammas_of

PLATFORMS = ("cpu", "cuda", "tpu")
# Longer than a clip of any data set of the papers; what is short costs little more for it.
FRAMES = 300
# Where the γ of calibrated stacking may come from, the best first. The oracle's is no choice.
GAMMAS = ("validation", "paper")
# What of a recipe of clips does nothing to a clip that is recognised, or is told elsewhere.
NOT_PREPROCESSING = {"skeleton", "train_crop", "rotation", "angle"}


def lower(run: Trained, frames: int) -> bytes:
    """Return the serialized StableHLO of a run, for any number of clips and of classes.

    Args:
        run: what to export.
        frames: what clips are padded to; none may be longer.
    """
    persons, _, joints, coordinates = run.shape
    batch, classes = export.symbolic_shape("b, k")

    def like(array: np.ndarray) -> jax.ShapeDtypeStruct:
        """Return the shape of an array that is an input."""
        return jax.ShapeDtypeStruct(array.shape, array.dtype)

    words = {
        name: jax.ShapeDtypeStruct((classes, *rows.shape[1:]), rows.dtype)
        for name, rows in run.words.items()
    }
    exported = export.export(jax.jit(run.recognise), platforms=PLATFORMS)(
        jax.tree.map(like, run.variables),
        jax.ShapeDtypeStruct((batch, persons, frames, joints, coordinates), np.float32),
        jax.ShapeDtypeStruct((batch,), np.int32),
        words,
    )
    return bytes(exported.serialize())


def facts_of(run: Trained, workdir: Path, frames: int, lite: bool) -> dict[str, Any]:
    """Return what bundle.json tells, but for the digests of the files."""
    recipe = vars(run.clips)
    gammas = gammas_of(run.results)
    source = next((source for source in GAMMAS if source in gammas), None)
    persons, _, joints, coordinates = run.shape
    skeleton = run.clips.skeleton
    return {
        "format": bundle.FORMAT,
        "labels": list(run.labels),
        "trained_on": list(run.trained_on),
        "input": {
            "axes": ["persons", "frames", "joints", "coordinates"],
            "shape": [persons, frames, joints, coordinates],
            "skeleton": skeleton.name,
            "joints": list(skeleton.joints),
        },
        "preprocessing": {key: recipe[key] for key in recipe if key not in NOT_PREPROCESSING},
        "parts": list(run.inference.parts),
        "text": {**run.text, "recipe": dict(run.inference.embed_options)} if run.text else {},
        "gamma": {"value": gammas[source], "source": source} if source else None,
        "run": dict(run.facts),
        "measured": run.results,
        "platforms": list(PLATFORMS),
        "tflite": lite,
        "environment": _environment(workdir),
    }


def _environment(workdir: Path) -> dict[str, Any]:
    """Return the versions that trained a run, as far as they are known."""
    try:
        return json.loads((workdir / "environment.json").read_text())
    except (OSError, ValueError):
        return {}


def write(run: Trained, workdir: Path, out: Path, frames: int = FRAMES, lite: bool = False) -> None:
    """Write a bundle; it is there completely or not at all.

    Args:
        run: the run of a working directory.
        workdir: that directory.
        out: the folder; a bundle that is there is replaced.
        frames: clips may have so many frames, and as many as the longest of the data set.
        lite: whether there is a TFLite file, too.

    Raises:
        UserError: `out` is something else than a bundle, or may not be written.
        DiskError: the disk is full, or does not answer.
    """
    facts = facts_of(run, workdir, max(frames, run.shape[1]), lite)
    with writing(
        out, "choose another --out", "no bundle was written: once it can be, export again"
    ):
        if _is_taken(out):
            raise UserError(f"{out} is there and is no bundle; choose another --out")
        out = out.absolute()
        with locked(out), replacing_folder(out) as folder:
            _fill(folder, run, facts)


def _is_taken(out: Path) -> bool:
    """Return whether there is something that is neither a bundle nor an empty folder."""
    try:
        out.stat()
    except FileNotFoundError:
        return False
    if not out.is_dir():
        return True
    whole = (out / bundle.FACTS).is_file() and (out / bundle.FUNCTION).is_file()
    return any(out.iterdir()) and not whole


def _fill(folder: Path, run: Trained, facts: dict[str, Any]) -> None:
    """Write the files of a bundle, the one that makes it a bundle last."""
    frames = facts["input"]["shape"][1]
    (folder / bundle.FUNCTION).write_bytes(lower(run, frames))
    if facts["tflite"]:
        (folder / bundle.LITE).write_bytes(tflite.convert(run, frames))
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        checkpointer.save(folder / bundle.VARIABLES, args=ocp.args.PyTreeSave(run.variables))
    if run.words:
        np.savez(folder / bundle.TEXT, **run.words)
    (folder / bundle.CONFIG).write_text(_json(run.config))
    (folder / bundle.CARD).write_text(model_card.card(facts, folder.name))
    digests = {str(path.relative_to(folder)): bundle.sha256(path) for path in bundle.files(folder)}
    (folder / bundle.FACTS).write_text(_json({**facts, "files": digests}))


def _json(content: Any) -> str:
    return json.dumps(content, indent=2) + "\n"


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake, 1 a full disk."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.export", description=bundle.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--workdir", type=Path, required=True, help="of a finished run")
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--data", default="", help="the folder of converted data sets")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of the longest clip")
    parser.add_argument("--tflite", action="store_true", help="write recognise.tflite, too")
    options = parser.parse_args(arguments)
    run = trained.load(options.workdir, options.data)
    write(run, options.workdir, options.out, options.frames, options.tflite)
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(f"{options.out}: {len(run.labels)} classes, {size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
