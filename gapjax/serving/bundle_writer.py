"""Write the bundle of a finished run (`gapjax.serving.bundle`)."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax import export

from data_pipelines.errors import UserError
from data_pipelines.storage.atomic import locked, replacing_folder
from data_pipelines.storage.disk import writing
from gapjax.serving import bundle, model_card, tflite
from gapjax.serving.trained import Trained
from gapjax.workdir.history import gammas_of

PLATFORMS = ("cpu", "cuda", "tpu")
# Longer than any clip of the papers' datasets; padding costs little.
FRAMES = 300
# The sources of the γ of calibrated stacking, the preferred one first. The oracle's is not used.
GAMMA_SOURCES = ("validation", "paper")
# Fields of a clip recipe that do not affect evaluation, or that other entries record.
NOT_PREPROCESSING = {"skeleton", "train_crop", "rotation", "angle"}


def write_bundle(
    run: Trained, workdir: Path, out: Path, frames: int = FRAMES, lite: bool = False
) -> None:
    """Write a bundle atomically.

    Args:
        run: the run of a working directory.
        workdir: that directory.
        out: the folder; an existing bundle is replaced.
        frames: the most frames of a clip, and at least those of the dataset's longest.
        lite: whether to write a TFLite file as well.

    Raises:
        UserError: `out` exists and is no bundle, or may not be written.
        DiskError: the disk is full, or does not respond.
    """
    metadata = metadata_of(run, workdir, max(frames, run.shape[1]), lite)
    with writing(
        out, "choose another --out", "no bundle was written: once it can be, export again"
    ):
        if _is_taken(out):
            raise UserError(f"{out} exists and is no bundle; choose another --out")
        out = out.absolute()
        with locked(out), replacing_folder(out) as folder:
            _fill(folder, run, metadata)


def metadata_of(run: Trained, workdir: Path, frames: int, lite: bool) -> dict[str, Any]:
    """Return the content of bundle.json without the digests of the files."""
    recipe, skeleton = vars(run.clips), run.clips.skeleton
    gammas = gammas_of(run.results)
    source = next((source for source in GAMMA_SOURCES if source in gammas), None)
    persons, _, joints, coordinates = run.shape
    return {
        "format": bundle.FORMAT,
        "labels": list(run.labels),
        "trained_on": list(run.trained_on),
        "input": {
            "axes": ["persons", "frames", "joints", "coordinates"],
            "shape": [persons, frames, joints, coordinates],
            "skeleton": skeleton.name,
            "joints": list(skeleton.joints),
            "space": run.space,
            "body": dataclasses.asdict(skeleton),
        },
        "ranges": run.ranges,
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


def lower(run: Trained, frames: int) -> bytes:
    """Return the serialized StableHLO of a run, for any number of clips and of classes.

    Args:
        run: what to export.
        frames: what clips are padded to.
    """
    persons, _, joints, coordinates = run.shape
    batch, classes = export.symbolic_shape("b, k")
    embeddings = {
        name: jax.ShapeDtypeStruct((classes, *rows.shape[1:]), rows.dtype)
        for name, rows in run.embeddings.items()
    }
    exported = export.export(jax.jit(run.recognize), platforms=PLATFORMS)(
        run.variables,
        jax.ShapeDtypeStruct((batch, persons, frames, joints, coordinates), np.float32),
        jax.ShapeDtypeStruct((batch,), np.int32),
        embeddings,
    )
    return bytes(exported.serialize())


def _environment(workdir: Path) -> dict[str, Any]:
    """Return the versions that a run was trained with, if they are known."""
    try:
        return json.loads((workdir / "environment.json").read_text())
    except (OSError, ValueError):
        return {}


def _is_taken(out: Path) -> bool:
    """Return whether a path exists that is neither a bundle nor an empty folder."""
    try:
        out.stat()
    except FileNotFoundError:
        return False
    if not out.is_dir():
        return True
    is_bundle = (out / bundle.METADATA).is_file() and bundle.function_file(out).is_file()
    return any(out.iterdir()) and not is_bundle


def _fill(folder: Path, run: Trained, metadata: dict[str, Any]) -> None:
    """Write the files of a bundle, bundle.json last."""
    frames = metadata["input"]["shape"][1]
    (folder / bundle.FUNCTION).write_bytes(lower(run, frames))
    if metadata["tflite"]:
        (folder / bundle.LITE).write_bytes(tflite.convert(run, frames))
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        checkpointer.save(folder / bundle.VARIABLES, args=ocp.args.PyTreeSave(run.variables))
    if run.embeddings:
        np.savez(folder / bundle.TEXT, **run.embeddings)
    (folder / bundle.CONFIG).write_text(_json(run.config))
    (folder / bundle.CARD).write_text(model_card.card(metadata, folder.name))
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    digests = {str(path.relative_to(folder)): bundle.sha256(path) for path in paths}
    (folder / bundle.METADATA).write_text(_json({**metadata, "files": digests}))


def _json(content: Any) -> str:
    return json.dumps(content, indent=2) + "\n"
