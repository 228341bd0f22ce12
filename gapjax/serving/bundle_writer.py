"""Write the bundle of a finished run (`gapjax.serving.bundle`)."""

import dataclasses
import datetime
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax import export

from data_pipelines.errors import UserError
from data_pipelines.storage.atomic import locked, replacing_folder
from data_pipelines.storage.disk import writing
from gapjax.serving import bundle, model_card, tflite
from gapjax.serving.renewal import restored
from gapjax.serving.trained import Trained
from gapjax.workdir import bundle_files
from gapjax.workdir.history import gammas_of

PLATFORMS = ("cpu", "cuda", "tpu")
# Longer than any clip of the papers' datasets; padding costs little.
FRAMES = 300
# Six months.
READABLE_DAYS = 182
# The sources of the γ of calibrated stacking, the preferred one first. The oracle's is not used.
GAMMA_SOURCES = ("validation", "paper")
# Fields of a clip recipe that do not affect evaluation, or that other entries record.
NOT_PREPROCESSING = {"skeleton", "train_crop", "rotation", "angle"}

NOT_PUBLISHED: Mapping[str, str] = MappingProxyType({})


def write_bundle(
    run: Trained,
    workdir: Path,
    out: Path,
    frames: int = FRAMES,
    lite: bool = False,
    published: Mapping[str, str] = NOT_PUBLISHED,
) -> None:
    """Write a bundle atomically.

    Args:
        run: the run of a working directory.
        workdir: that directory.
        out: the folder; an existing bundle is replaced.
        frames: the most frames of a clip, and at least those of the dataset's longest.
        lite: whether to write a TFLite file as well.
        published: what its card says besides: `license`, and `hub`, its name on a model hub.

    Raises:
        UserError: `out` exists and is no bundle, or may not be written.
        DiskError: the disk is full, or does not respond.
    """
    metadata = {**metadata_of(run, workdir, max(frames, run.shape[1]), lite), **published}
    with writing(
        out, "choose another --out", "no bundle was written: once it can be, export again"
    ):
        if _is_taken(out):
            raise UserError(f"{out} exists and is no bundle; choose another --out")
        if (out / bundle.LITE).exists() and not lite:
            raise UserError(
                f"{out} has a {bundle.LITE}, which a new bundle would lack: add --tflite to write "
                f"it anew, or remove {out / bundle.LITE}"
            )
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
        "format": bundle_files.FORMAT,
        "labels": list(run.labels),
        "trained_on": list(run.trained_on),
        "input": {
            "axes": ["persons", "frames", "joints", "coordinates"],
            "shape": [persons, frames, joints, coordinates],
            "skeleton": skeleton.name,
            "joints": list(skeleton.joints),
            "space": run.space,
            "person_order": run.person_order,
            "body": dataclasses.asdict(skeleton),
        },
        "ranges": run.ranges(),
        "preprocessing": {key: recipe[key] for key in recipe if key not in NOT_PREPROCESSING},
        "parts": list(run.inference.parts),
        "text": _text(run),
        "gamma": {"value": gammas[source], "source": source} if source else None,
        "run": dict(run.facts),
        "measured": run.results,
        "platforms": list(PLATFORMS),
        "tflite": lite,
        **dates(),
        "environment": _environment(workdir),
    }


def _text(run: Trained) -> dict[str, Any]:
    """Return the text encoder, and if classes are an input, how their texts are embedded."""
    recipe = {"recipe": dict(run.inference.embed_options)} if run.embeddings else {}
    return {**run.text, **recipe}


def dates() -> dict[str, str]:
    """Return when a function is exported, by which jax, and until when others promise to read it.

    jax.export promises that a jax up to six months newer than the exporting one reads it.
    """
    today = datetime.date.today()
    until = today + datetime.timedelta(days=READABLE_DAYS)
    return {"exported": str(today), "jax": jax.__version__, "readable_until": str(until)}


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
    is_bundle = bundle_files.is_bundle(out) and bundle.function_file(out).is_file()
    return any(out.iterdir()) and not is_bundle


def _fill(folder: Path, run: Trained, metadata: dict[str, Any]) -> None:
    """Write the files of a bundle, bundle.json last."""
    if metadata["tflite"]:
        frames = metadata["input"]["shape"][1]
        (folder / bundle.LITE).write_bytes(tflite.convert(run, frames))
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        checkpointer.save(folder / bundle_files.VARIABLES, args=ocp.args.PyTreeSave(run.variables))
    if run.embeddings:
        np.savez(folder / bundle.TEXT, **run.embeddings)
    (folder / bundle_files.CONFIG).write_text(_json(run.config))
    _complete(folder, run, metadata, folder.name)


def _complete(folder: Path, run: Trained, metadata: dict[str, Any], name: str) -> None:
    """Write the function, the model card and bundle.json."""
    (folder / bundle.FUNCTION).write_bytes(lower(run, metadata["input"]["shape"][1]))
    (folder / bundle.CARD).write_text(model_card.card(metadata, name))
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    digests = {str(path.relative_to(folder)): bundle_files.sha256(path) for path in paths}
    (folder / bundle_files.METADATA).write_text(_json({**metadata, "files": digests}))


def renew(folder: Path, published: Mapping[str, str] = NOT_PUBLISHED) -> None:
    """Write the function of a bundle anew, with the jax that is here.

    Args:
        folder: the bundle; nothing else in it changes, but for its card.
        published: what its card says anew, see `write_bundle`.

    Raises:
        UserError: it is no bundle, is damaged, or is of a gapjax before bundles could be renewed.
        DiskError: the disk is full.
    """
    metadata = bundle_files.read_checked(folder)
    run = restored(folder, metadata)
    metadata = {**metadata, **dates(), **published}
    with writing(folder, "copy the bundle to a place that can be written", "nothing is changed"):
        folder = folder.absolute()
        with locked(folder), replacing_folder(folder) as new:
            old = shutil.ignore_patterns(bundle_files.METADATA, bundle.CARD, "recogni[sz]e.jax")
            shutil.copytree(folder, new, ignore=old, dirs_exist_ok=True)
            _complete(new, run, metadata, folder.name)


def _json(content: Any) -> str:
    return json.dumps(content, indent=2) + "\n"
