"""The README.md of a bundle: what the model is, what was measured, and how it is used."""

from collections.abc import Mapping
from typing import Any

from gapjax.serving import bundle
from gapjax.serving.card_metadata import NO_LICENSE, front_matter

# The clip as gapjax.classify takes it, by the rule of `data_pipelines.specs.clip_rule`.
_CLIP = """# Raw: frames x joints x coordinates; of several persons frames x persons x joints x
# coordinates, or persons first.
clip = np.load("clip.npy").astype(np.float32)
shape, space = metadata["input"]["shape"], metadata["input"]["space"]
clip = clip[:, None] if clip.ndim == 3 else clip
clip = clip.swapaxes(0, 1) if len(clip) <= shape[0] < clip.shape[1] else clip
# A person is seen in a frame by coordinates and, if there is one, a confidence that are not zero.
seen = ((clip[..., :space] != 0).any(-1) & (clip[..., space:] > 0).all(-1)).any(-1)
{order}# Frames in which none of them is seen are left out.
clip = (clip * seen[..., None, None])[seen[:, order].any(1)][:, order]
frames = np.zeros((1, *shape), np.float32)
frames[0, : clip.shape[1], : len(clip)] = clip.swapaxes(0, 1)
length = np.array([len(clip)], np.int32)
"""

# Which persons count, of those who are seen: by motion, or as they are recorded.
_BY_MOTION = """def motion(person):
    points = clip[seen[:, person], person]
    points = points[(points[..., space:] > 0).all(-1)]
    return points[:, :space].astype(float).var(0).sum()
order = sorted(np.flatnonzero(seen.any(0)), key=motion, reverse=True)[: shape[0]]
"""
_AS_RECORDED = "order = np.flatnonzero(seen.any(0))[: shape[0]]\n"

_USE = """import json
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax import export

bundle = Path("{name}").absolute()
metadata = json.loads((bundle / "bundle.json").read_text())
variables = ocp.PyTreeCheckpointer().restore(bundle / "variables")
embeddings = {embeddings}
recognize = jax.jit(export.deserialize(bytearray((bundle / "recognize.jax").read_bytes())).call)

{clip}outputs = recognize(variables, frames, length, embeddings)
score = np.array(outputs["score"][0])
{stacking}print(metadata["labels"][int(score.argmax())])
"""

# TensorFlow's interpreter is the package ai-edge-litert, too.
_LITE = """import json
from pathlib import Path

import numpy as np
import tensorflow as tf  # or ai_edge_litert.interpreter, which is smaller, for tf.lite

bundle = Path("{name}").absolute()
metadata = json.loads((bundle / "bundle.json").read_text())
interpreter = tf.lite.Interpreter(str(bundle / "recognize.tflite"))

{clip}outputs = interpreter.get_signature_runner()(frames=frames, length=length)
score = np.array(outputs["score"][0])
{stacking}print(metadata["labels"][int(score.argmax())])
"""

# Follows the scores if a γ was chosen (STAR, ACM MM 2024, Eq. 9).
_STACKING = """# Calibrated stacking: seen classes lose gamma.
is_seen = np.isin(metadata["labels"], metadata["trained_on"])
score -= is_seen * np.float32(metadata["gamma"]["value"])
"""

_EMBEDDINGS = {
    False: "{}  # the classes are fixed",
    True: 'dict(np.load(bundle / "text.npz"))  # one row per class; any classes will do',
}

_CLASSIFY = {
    False: "python -m gapjax.classify --bundle={name} clip.npy",
    True: 'python -m gapjax.classify --bundle={name} --classes="wave; fall down" clip.npy',
}


def card(metadata: Mapping[str, Any], name: str) -> str:
    """Return the model card of a bundle.

    Args:
        metadata: the content of its bundle.json.
        name: the name of its folder.
    """
    run = metadata["run"]
    sections = {
        "Use": _use(metadata, name),
        "Input": _input(metadata),
        "Measured": _measured(metadata),
        "Classes": _classes(metadata),
        "License": _license(metadata),
    }
    head = f"# {run['method']} on {run['dataset']}\n\n{_origin(metadata)}\n"
    body = [f"## {title}\n\n" + "\n".join(lines) + "\n" for title, lines in sections.items()]
    return front_matter(metadata, name) + "\n".join([head, *body])


def _use(metadata: Mapping[str, Any], name: str) -> list[str]:
    """Return Python code and commands that use the bundle."""
    takes_classes, hub = bundle.takes_classes(metadata), metadata.get("hub", "")
    code = _filled(_USE, metadata, name, embeddings=_EMBEDDINGS[takes_classes])
    return [
        *((f"`hf download {hub} --local-dir={name}` gets the folder.", "") if hub else ()),
        "With jax, numpy and orbax-checkpoint alone; the frames are raw, the bundle prepares them:",
        "",
        f"```python\n{code}```",
        "",
        f"With gapjax: `{_CLASSIFY[takes_classes].format(name=f'hf:{hub}' if hub else name)}`",
        "",
        *_reading(metadata, name),
        *(_lite(metadata, name) if metadata["tflite"] else ()),
    ]


def _filled(code: str, metadata: Mapping[str, Any], name: str, **values: str) -> str:
    stacking = _STACKING if metadata["gamma"] else ""
    recorded = metadata["input"].get("person_order") == "recorded"
    clip = _CLIP.replace("{order}", _AS_RECORDED if recorded else _BY_MOTION)
    return code.format(name=name, clip=clip, stacking=stacking, **values)


def _reading(metadata: Mapping[str, Any], name: str) -> list[str]:
    """Return until when jax reads the bundle's function."""
    exported, until = metadata["exported"], metadata["readable_until"]
    return [
        f"`recognize.jax` was exported by jax {metadata['jax']} on {exported}. A jax that is up to",
        f"half a year newer than the exporting one reads it: if that was new, until {until}.",
        f"`python -m gapjax.export --renew={name}` makes it new, from the bundle alone.",
    ]


def _lite(metadata: Mapping[str, Any], name: str) -> list[str]:
    """Return code that uses the TFLite file."""
    code = _filled(_LITE, metadata, name)
    return [
        "",
        "Without JAX, among the classes below (LiteRT; one clip at a time):",
        "",
        f"```python\n{code}```",
    ]


def _origin(metadata: Mapping[str, Any]) -> str:
    """Return a table of where the model comes from."""
    packages = metadata["environment"].get("packages", {})
    origin = {**metadata["run"], "commit": metadata["environment"].get("commit")}
    origin |= {name: packages.get(name) for name in ("jax", "flax")}
    rows = [f"| {name} | {value} |" for name, value in origin.items() if value]
    return "\n".join(["| origin | value |", "|---|---|", *rows])


def _input(metadata: Mapping[str, Any]) -> list[str]:
    """Return what the function takes, and how it prepares it."""
    persons, frames, joints, coordinates = metadata["input"]["shape"]
    recipe = ", ".join(f"{key} {value}" for key, value in metadata["preprocessing"].items())
    return [
        f"At most {persons} persons and {frames} frames of {joints} joints",
        f"({metadata['input']['skeleton']}) with {coordinates} numbers each, float32, as in the",
        "dataset; what is absent is zero. `length` is the true number of frames. Preprocessing:",
        f"{recipe}. Any number of clips at once, on {', '.join(metadata['platforms'])}.",
    ]


def _measured(metadata: Mapping[str, Any]) -> list[str]:
    """Return the last evaluation as a table."""
    rows = [f"| {key} | {_number(value)} |" for key, value in metadata["measured"].items()]
    title = "At the end of training, from the run's metrics.jsonl:"
    lines = [title, "", "| metric | value |", "|---|---|", *rows]
    gamma = metadata["gamma"]
    if gamma:
        lines += [
            "",
            f"Calibrated stacking subtracts {_number(gamma['value'])} ({gamma['source']}) from the",
            "scores of seen classes. The function and TFLite return the scores before that.",
        ]
    return lines


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _classes(metadata: Mapping[str, Any]) -> list[str]:
    """Return the names of the classes."""
    unseen = [name for name in metadata["labels"] if name not in metadata["trained_on"]]
    lines = [f"Trained on: {'; '.join(metadata['trained_on'])}."]
    if unseen:
        lines.append(f"Never seen in training: {'; '.join(unseen)}.")
    return lines


def _license(metadata: Mapping[str, Any]) -> list[str]:
    """Return under which license the weights are."""
    dataset, terms = metadata["run"]["dataset"], metadata.get("license", NO_LICENSE)
    return [f"Of these weights: {terms}. The terms of {dataset} may bind them, too."]
