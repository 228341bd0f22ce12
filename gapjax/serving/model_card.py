"""The README.md of a bundle: what the model is, what was measured, and how it is used."""

from collections.abc import Mapping
from typing import Any

_USE = """import json
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax import export

bundle = Path("{name}").absolute()
facts = json.loads((bundle / "bundle.json").read_text())
variables = ocp.PyTreeCheckpointer().restore(bundle / "variables")
words = {words}
recognise = jax.jit(export.deserialize(bytearray((bundle / "recognise.jax").read_bytes())).call)

clip = np.load("clip.npy")  # raw: persons x frames x joints x coordinates
frames = np.zeros((1, *facts["input"]["shape"]), np.float32)
frames[0, : clip.shape[0], : clip.shape[1]] = clip
outputs = recognise(variables, frames, np.array([clip.shape[1]], np.int32), words)
score = np.array(outputs["score"][0])
{stacking}print(facts["labels"][int(score.argmax())])
"""

# What follows the scores where a γ was chosen (STAR, Eq. 9).
_STACKING = """# Calibrated stacking: seen classes lose gamma.
score -= np.isin(facts["labels"], facts["trained_on"]) * np.float32(facts["gamma"]["value"])
"""

_WORDS = {True: 'dict(np.load(bundle / "text.npz"))  # one row a class: any classes will do'}

_CLASSIFY = {
    False: "python -m gapjax.classify --bundle={name} clip.npy",
    True: 'python -m gapjax.classify --bundle={name} --classes="wave; fall down" clip.npy',
}

_LITE = (
    "",
    "Without JAX: `recognise.tflite` (LiteRT) takes `frames` (1 x `shape` of bundle.json) and",
    "`length` (1) of one clip, and knows the classes below.",
)


def card(facts: Mapping[str, Any], name: str) -> str:
    """Return the model card of a bundle.

    Args:
        facts: the content of its bundle.json.
        name: what its folder is called.
    """
    run, named = facts["run"], bool(facts["text"])
    words = _WORDS.get(named, "{}  # the classes are fixed")
    stacking = _STACKING if facts["gamma"] else ""
    sections = {
        "Use": [
            "With jax, numpy and orbax-checkpoint alone; the frames are raw, the bundle prepares",
            "them itself:",
            "",
            f"```python\n{_USE.format(name=name, words=words, stacking=stacking)}```",
            "",
            f"With gapjax: `{_CLASSIFY[named].format(name=name)}`",
            *(_LITE if facts["tflite"] else ()),
        ],
        "Input": _input(facts),
        "Measured": _measured(facts),
        "Classes": _classes(facts),
    }
    head = f"# {run['method']} on {run['dataset']}\n\n{_origin(facts)}\n"
    body = [f"## {title}\n\n" + "\n".join(lines) for title, lines in sections.items()]
    return "\n".join([head, *(f"{section}\n" for section in body)])


def _origin(facts: Mapping[str, Any]) -> str:
    """Return the facts that tell where a model comes from."""
    packages = facts["environment"].get("packages", {})
    told = {**facts["run"], "commit": facts["environment"].get("commit")}
    told |= {name: packages.get(name) for name in ("jax", "flax")}
    rows = [f"| {name} | {value} |" for name, value in told.items() if value]
    return "\n".join(["| fact | value |", "|---|---|", *rows])


def _input(facts: Mapping[str, Any]) -> list[str]:
    """Return what the function takes and what it does with it."""
    persons, frames, joints, coordinates = facts["input"]["shape"]
    how = ", ".join(f"{key} {value}" for key, value in facts["preprocessing"].items())
    return [
        f"At most {persons} persons and {frames} frames of {joints} joints",
        f"({facts['input']['skeleton']}) with {coordinates} numbers each, float32, as the data set",
        "has them; what is absent is zero. `length` is the true number of frames. Within:",
        f"{how}. Any number of clips at once, on {', '.join(facts['platforms'])}.",
    ]


def _measured(facts: Mapping[str, Any]) -> list[str]:
    """Return the last evaluation as a table."""
    rows = [f"| {key} | {_shown(value)} |" for key, value in facts["measured"].items()]
    lines = [
        "At the end of training, from the run's metrics.jsonl:",
        "",
        "| metric | value |",
        "|---|---|",
        *rows,
    ]
    gamma = facts["gamma"]
    if gamma:
        taken = f"{gamma['value']:.6g} ({gamma['source']})"
        lines += [
            "",
            f"Calibrated stacking subtracts {taken} from seen classes' scores. The function and",
            "TFLite give scores before that.",
        ]
    return lines


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _classes(facts: Mapping[str, Any]) -> list[str]:
    """Return the names of the classes."""
    unseen = [name for name in facts["labels"] if name not in facts["trained_on"]]
    lines = [f"Trained on: {'; '.join(facts['trained_on'])}."]
    if unseen:
        lines.append(f"Never seen in training: {'; '.join(unseen)}.")
    return lines
