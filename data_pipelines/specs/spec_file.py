"""The metadata of a dataset as a YAML file: what users write, and what converted datasets carry.

    joints: [head, left hand, right hand, hip]       a joint's number is its place here, from 0
    bones: [[head, hip], [left hand, head], ...]     by name or number; a tree, in any order
    root: hip                                        where the bones start
    labels: [wave, kick]                             the classes
    coordinates: 2D with confidence                  or 3D, 2D
    protocols:
      xsub: {subject: [1, 2, 5]}                     these subjects train, all others test

and, where wanted, `persons` (the most in a sample; 1), `center` (the joint that is the origin; the
root), `parts` (partition → part → joints), `zero_shot` (split → unseen classes), `texts` (a file
of class descriptions), `skeleton` (the body model's name) and `shoulders` (left, right).
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import yaml
from etils import epath

from data_pipelines.specs import checked_yaml
from data_pipelines.specs.checked_yaml import Metadata
from data_pipelines.specs.dataset import DatasetSpec, Protocol, said_sizes
from data_pipelines.specs.skeletons import PARTS, Partition, Skeleton, described_parts

FILE, TEXTS = "dataset.yaml", "texts.yaml"

REQUIRED = ("joints", "bones", "root", "labels", "coordinates", "protocols")
OPTIONAL = ("persons", "center", "parts", "zero_shot", "texts", "skeleton", "shoulders")
# Written by conversions alone.
CARRIED = ("obtain", "format")

# What is called → how many numbers a joint has, and whether the last is a confidence.
COORDINATES = {
    "3D": (3, False),
    "2D": (2, False),
    "2D with confidence": (3, True),
    "3D with confidence": (4, True),
}
COLUMNS = ("subject", "camera", "setup")


def read(folder: epath.Path) -> DatasetSpec:
    """Return the metadata that a converted dataset carries; it is named after its folder.

    Raises:
        DataError: they are missing or altered.
    """
    metadata = checked_yaml.load(folder / FILE)
    metadata.check_keys(REQUIRED, (*OPTIONAL, *CARRIED))
    spec = spec_of(metadata, folder.name)
    if (folder / TEXTS).exists():
        files = *filter(None, [spec.texts]), str(folder / TEXTS)
        spec = dataclasses.replace(spec, texts="+".join(files))
    return spec


def write(folder: epath.Path, spec: DatasetSpec) -> None:
    """Write the metadata of a dataset into its folder."""
    text = yaml.safe_dump(described(spec), sort_keys=False, allow_unicode=True, width=100)
    (folder / FILE).write_text(text, encoding="utf-8")


def described(spec: DatasetSpec) -> dict[str, Any]:
    """Return the metadata as plain values, from which `spec_of` makes the same spec again."""
    kinds = {numbers: kind for kind, numbers in COORDINATES.items()}
    return {
        "format": spec.format,
        "obtain": spec.obtain,
        **_described_skeleton(spec.skeleton),
        "labels": list(spec.labels),
        "persons": spec.persons,
        "coordinates": kinds[spec.coordinates, spec.confidence],
        "protocols": {name: _described_protocol(p) for name, p in spec.protocols.items()},
        "zero_shot": {
            split: [spec.labels[label] for label in unseen]
            for split, unseen in spec.zero_shot.items()
        },
        "texts": spec.texts,
    }


def _described_skeleton(body: Skeleton) -> dict[str, Any]:
    """Return a body model as plain values, with names of joints instead of numbers."""

    def names(joints: Iterable[int]) -> list[str]:
        return [body.joints[joint] for joint in joints]

    return {
        "skeleton": body.name,
        "joints": list(body.joints),
        "bones": [names(bone) for bone in body.bones],
        "root": body.joints[body.root],
        "center": body.joints[body.center],
        "shoulders": names(body.shoulders),
        "parts": {
            name: {part: names(joints) for part, joints in partition.items()}
            for name, partition in body.partitions.items()
        },
    }


def _described_protocol(protocol: Protocol) -> dict[str, list[int]]:
    """Return a protocol as plain values."""
    counts = {"counts": list(protocol.counts)} if protocol.counts else {}
    return {protocol.column: list(protocol.train), **counts}


def spec_of(metadata: Metadata, name: str) -> DatasetSpec:
    """Return the dataset of this name that a file describes.

    Raises:
        DataError: a fact is not what it should be.
    """
    labels, kind = metadata.texts("labels"), str(metadata.values["coordinates"])
    kind = {"2": "2D", "3": "3D"}.get(kind, kind)
    if kind not in COORDINATES:
        raise metadata.error("coordinates", f"is {kind!r}; there are {', '.join(COORDINATES)}")
    numbers, confidence = COORDINATES[kind]
    return DatasetSpec(
        name=name,
        skeleton=_skeleton(metadata, name),
        labels=labels,
        persons=metadata.count("persons", 1),
        protocols=_protocols(metadata),
        texts=metadata.text("texts", ""),
        obtain=metadata.text("obtain", f"{name} is your own"),
        zero_shot=_splits(metadata, labels),
        coordinates=numbers,
        confidence=confidence,
        format=metadata.text("format", ""),
    )


def _skeleton(metadata: Metadata, name: str) -> Skeleton:
    """Return the body model."""
    joints = metadata.texts("joints")
    root = _joint(metadata, "root", joints, metadata.values["root"])
    shoulders = metadata.values.get("shoulders", [root, root])
    if not isinstance(shoulders, list) or len(shoulders) != 2:
        raise metadata.error("shoulders", "should be two joints, the left one first")
    return Skeleton(
        name=metadata.text("skeleton", name),
        joints=joints,
        bones=_bones(metadata, joints, root),
        root=root,
        center=_joint(metadata, "center", joints, metadata.values.get("center", root)),
        shoulders=tuple(_joint(metadata, "shoulders", joints, each) for each in shoulders),
        partitions={
            partition: _partition(metadata, joints, partition, parts)
            for partition, parts in metadata.mapping("parts").items()
        },
    )


def _joint(metadata: Metadata, key: str, joints: tuple[str, ...], given: Any) -> int:
    """Return the number of a joint that is given by name or number."""
    if type(given) is int and 0 <= given < len(joints):
        return given
    if given not in joints:
        what = f"has {given!r}, which is none of the {len(joints)} joints; correct the name"
        raise metadata.error(key, what)
    return joints.index(given)


def _bones(metadata: Metadata, joints: tuple[str, ...], root: int) -> tuple[tuple[int, int], ...]:
    """Return the (child, parent) pairs of the bones, whichever end was named first."""
    given = metadata.values["bones"]
    if not isinstance(given, list) or not all(
        isinstance(pair, list) and len(pair) == 2 for pair in given
    ):
        raise metadata.error("bones", "should be a list of pairs of joints")
    pairs = [tuple(_joint(metadata, "bones", joints, end) for end in pair) for pair in given]
    reached, parents = [root], {}
    for joint in reached:
        ends = [(b if a == joint else a) for a, b in pairs if joint in (a, b)]
        new = [end for end in ends if end not in reached]
        parents |= dict.fromkeys(new, joint)
        reached += dict.fromkeys(new)
    for joint, called in enumerate(joints):
        if joint not in reached:
            raise metadata.error("bones", f"do not connect {called!r} to the root; add a bone")
    if len(pairs) != len(joints) - 1:
        what = f"form a ring: {len(joints)} joints need {len(joints) - 1} bones, not {len(pairs)}"
        raise metadata.error("bones", f"{what}; remove some")
    return tuple((a, b) if parents.get(a) == b else (b, a) for a, b in pairs)


def _partition(metadata: Metadata, joints: tuple[str, ...], name: str, parts: Any) -> Partition:
    """Return the joints of every part of a partition."""
    if not isinstance(parts, dict) or not parts:
        raise metadata.error("parts", f"{name!r} should map names of parts to lists of joints")
    for part, members in parts.items():
        if not isinstance(part, str) or not set(described_parts(part)) <= set(PARTS):
            there = f"{', '.join(PARTS)}, several joined by _, upper and lower"
            raise metadata.error("parts", f"{name!r} has the part {part!r}; there are {there}")
        if not isinstance(members, list) or not members:
            raise metadata.error("parts", f"{name!r}: {part!r} should be a list of joints")
    return {
        part: tuple(_joint(metadata, "parts", joints, each) for each in members)
        for part, members in parts.items()
    }


def _protocols(metadata: Metadata) -> dict[str, Protocol]:
    """Return the protocols."""
    protocols = {
        name: _protocol(metadata, name, values)
        for name, values in metadata.mapping("protocols").items()
    }
    if not protocols:
        example = "such as xsub: {subject: [1, 2]}"
        raise metadata.error("protocols", f"should have at least one, {example}")
    return protocols


def _protocol(metadata: Metadata, name: str, values: Any) -> Protocol:
    """Return the protocol that a mapping, such as {subject: [1, 2]}, describes."""
    columns = [column for column in COLUMNS if isinstance(values, dict) and column in values]
    if len(columns) != 1 or set(values) - {*columns, "counts"}:
        reason = f"{name!r} should name one of {', '.join(COLUMNS)}: {{subject: [1, 2]}}"
        raise metadata.error("protocols", reason)
    for key, numbers in values.items():
        if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
            raise metadata.error("protocols", f"{name!r}: {key} should be a list of numbers")
    counts = tuple(values["counts"]) if len(values.get("counts", ())) == 2 else None
    return Protocol(columns[0], tuple(sorted(set(values[columns[0]]))), counts)


def _splits(metadata: Metadata, labels: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return the zero-shot splits."""
    return {
        name: _split(metadata, name, unseen, labels)
        for name, unseen in metadata.mapping("zero_shot").items()
    }


def _split(metadata: Metadata, name: str, unseen: Any, labels: tuple[str, ...]) -> tuple[int, ...]:
    """Return the unseen classes of the zero-shot split that a list of labels describes."""
    if not isinstance(unseen, list):
        raise metadata.error("zero_shot", f"{name!r} should be a list of labels")
    for label in unseen:
        if label not in labels:
            raise metadata.error("zero_shot", f"{name!r} has {label!r}, which is no label")
    classes = tuple(sorted({labels.index(label) for label in unseen}))
    seen = len(labels) - len(classes)
    if min(seen, len(classes)) < 2:
        raise metadata.error("zero_shot", f"{name!r} should leave 2 classes unseen and 2 seen")
    if said_sizes(name) not in (None, (seen, len(classes))):
        reason = f"{name!r} has {seen} seen and {len(classes)} unseen classes; rename it"
        raise metadata.error("zero_shot", reason)
    return classes
